"""The script leaves with a status of its own from inside a call."""

import sys


def finish(total: int) -> None:
    sys.exit(3 if total else 4)


def main() -> None:
    total = 0
    for i in range(6_000_000):
        total += (i * 7) % 23 ^ (i & 15)  # HOT
    finish(total)


main()
