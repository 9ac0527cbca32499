"""Work inside try, with a finally that always runs and is cheap."""


def step(i: int, state: list[int]) -> int:
    try:
        return sum(((i + k) * 2_654_435_761) >> 9 & 255 for k in range(20))  # HOT
    finally:
        state[0] += 1


def main() -> None:
    state = [0]
    total = 0
    for i in range(550_000):
        total += step(i, state)
    print(total, state)


main()
