"""Counting in a dictionary, with a cheap loop around it."""


def main() -> None:
    counts: dict[tuple[int, str], int] = {}
    for i in range(3_000_000):
        j = i
        counts[(j % 1_009, "key")] = counts.get((j % 1_009, "key"), 0) + j % 3  # HOT
    print(len(counts))


main()
