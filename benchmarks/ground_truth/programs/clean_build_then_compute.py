"""An index is built in the first fifth of the run and then only read."""

import time


def main() -> None:
    index = []
    for _ in range(60):
        index.append(bytearray(2_000_000))
        time.sleep(0.005)
    total = 0
    for turn in range(140):
        total += sum(block[turn] for block in index)
        for k in range(20_000):
            total += k % 3
        time.sleep(0.008)
    print(total)


main()
