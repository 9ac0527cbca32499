"""Pure-Python standard library code: the line that calls it pays."""

from fractions import Fraction


def main() -> None:
    total = Fraction(0)
    counted = 0
    for i in range(1, 260_000):
        counted += 1
        total = (total + Fraction(i % 7, i % 11 + 1)) % 3  # HOT
        counted -= 1
    print(float(total), counted)


main()
