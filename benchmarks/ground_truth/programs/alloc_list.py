"""One big list beside a small one."""

import time


def main() -> None:
    small = [0] * 300_000
    big = [None] * 12_000_000  # ALLOC
    time.sleep(1.0)
    print(len(small) + len(big))


main()
