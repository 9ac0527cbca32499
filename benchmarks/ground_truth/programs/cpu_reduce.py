"""functools.reduce with a lambda written beside the call."""

import functools


def main() -> None:
    total = 0
    for turn in range(30):
        values = range(turn, 250_000)
        total += functools.reduce(lambda a, b: (a * 31 + b) % 1_000_003 ^ (b & 3), values, 7)  # HOT
        total %= 1_009
    print(total)


main()
