"""The same hundred keys are written again and again with new values."""

import time


def main() -> None:
    latest: dict[int, bytes] = {}
    for turn in range(3_000):
        latest[turn % 100] = bytes(150_000 + turn % 10)
        if turn % 20 == 0:
            time.sleep(0.009)
    print(len(latest))


main()
