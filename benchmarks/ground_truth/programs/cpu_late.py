"""Nothing but waiting for a second; then a short burst of work."""

import time


def main() -> None:
    time.sleep(1.2)
    total = 0
    for i in range(4_000_000):
        total += (i ^ 0x5A5A) % 1_021 + (i >> 3) % 3  # HOT
    print(total)


main()
