"""Exceptions raised and caught in a loop; parsing the bad text is what costs."""


def main() -> None:
    bad = 0
    text = "12x"
    for i in range(1_300_000):
        try:
            bad += int(text + "y", 10 + i % 3)  # HOT
        except ValueError:
            bad += 1
    print(bad)


main()
