"""Most of the wall-clock time is sleep; the CPU time is elsewhere."""

import time


def main() -> None:
    total = 0
    for _ in range(12):
        time.sleep(0.1)
        for i in range(250_000):
            total += (i * i) % 13 ^ (i & 9)  # HOT
    print(total)


main()
