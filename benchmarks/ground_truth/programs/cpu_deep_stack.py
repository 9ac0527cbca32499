"""The hot line is 300 calls deep."""


def work() -> int:
    total = 0
    for i in range(6_500_000):
        total += (i * 3) % 19 ^ (i & 1)  # HOT
    return total


def dive(depth: int) -> int:
    if depth:
        return dive(depth - 1)
    return work()


print(dive(300))
