"""The script moves to another working directory before it works."""

import os


def main() -> None:
    os.chdir("/")
    total = 0
    for i in range(6_000_000):
        total += (i * 11) % 29 ^ (i & 15)  # HOT
    print(total)


main()
