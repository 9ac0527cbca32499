"""One big block at the start, used until the end."""

import time


def main() -> None:
    block = bytearray(200_000_000)
    for i in range(100):
        block[i * 4_096] = 1
        time.sleep(0.015)
    print(len(block))


main()
