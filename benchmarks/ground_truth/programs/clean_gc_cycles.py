"""Reference cycles that the collector gets now and then."""

import gc
import time


class Node:
    def __init__(self) -> None:
        self.me = self
        self.data = bytearray(400_000)


def main() -> None:
    for number in range(300):
        Node()
        if number % 25 == 24:
            gc.collect()
        time.sleep(0.005)
    print("done")


main()
