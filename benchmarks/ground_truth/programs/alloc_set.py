"""A set that grows: its table is copied ever larger."""

import time


def main() -> None:
    seen = set()
    last = 0
    for i in range(1_500_000):
        last = i * 3  # MAYBE
        seen.add((last, "x"))  # ALLOC MAYBE
    time.sleep(0.3)
    print(len(seen))


main()
