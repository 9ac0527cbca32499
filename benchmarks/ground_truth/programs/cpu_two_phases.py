"""Two phases, the second about two and a half times the first."""


def load() -> int:
    total = 0
    for i in range(2_000_000):
        total += i % 7 * 3 ^ (i & 5)
    return total


def solve() -> int:
    total = 0
    for i in range(5_000_000):
        total += i % 7 * 3 ^ (i & 5)  # HOT
    return total


print(load() + solve())
