"""One expression over several lines: the element, not the filter or the source, costs."""


def main() -> None:
    data = range(2_200_000)
    total = sum(
        (x * x * 31 + x * 17) % 65_521 + (x ^ 0x3C) % 127 + (x | 9) % 63 + (x * 3) % 17  # HOT
        for x in data
        if x
    )
    print(total)


main()
