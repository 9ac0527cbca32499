"""Temporaries whose size goes up and down; none outlives its turn."""

import time


def main() -> None:
    total = 0
    for i in range(150):
        size = 400_000 + (i * 7_919 % 13) * 250_000
        text = bytes(size)
        total += len(text)
        del text
        time.sleep(0.009)
    print(total)


main()
