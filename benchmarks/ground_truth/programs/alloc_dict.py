"""A dictionary of small objects made by a comprehension."""

import time


def main() -> None:
    names = [str(n) for n in range(20_000)]
    table = {n: (n, n + 1) for n in range(900_000)}  # ALLOC
    time.sleep(0.8)
    print(len(names), len(table))


main()
