"""The built-in sort on a big list, between cheap lines."""


def main() -> None:
    base = [(i * 7_919 + 13) % 1_000_003 for i in range(400_000)]
    total = 0
    for turn in range(10):
        total += base[turn]
        ordered = sorted(base)  # HOT
        total += ordered[turn]
    print(total)


main()
