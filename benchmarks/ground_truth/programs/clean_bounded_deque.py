"""A window over the latest blocks."""

import collections
import time


def main() -> None:
    window: collections.deque[bytearray] = collections.deque(maxlen=12)
    for _ in range(150):
        window.append(bytearray(1_500_000))
        time.sleep(0.01)
    print(len(window))


main()
