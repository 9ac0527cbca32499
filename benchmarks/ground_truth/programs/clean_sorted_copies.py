"""Sorted copies of a big list, each replaced by the next; busy all the time."""


def main() -> None:
    base = [(i * 7_919) % 100_003 for i in range(300_000)]
    total = 0
    for turn in range(25):
        ordered = sorted(base, reverse=bool(turn % 2))
        total += ordered[0]
    print(total)


main()
