"""A pool that hands out buffers and takes them back; all are made in the first moments."""

import time


def main() -> None:
    pool: list[bytearray] = []
    made = 0
    for turn in range(140):
        taken = []
        for _ in range(1 + turn % 8):
            if pool:
                taken.append(pool.pop())
            else:
                taken.append(bytearray(2_500_000))
                made += 1
        time.sleep(0.01)
        pool.extend(taken)
    print(made)


main()
