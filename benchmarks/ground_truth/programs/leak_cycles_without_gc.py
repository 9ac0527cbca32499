"""Reference cycles with the collector switched off."""

import gc
import json
import time

sizes = []


class Node:
    def __init__(self, size: int) -> None:
        self.me = self
        self.data = bytearray(size)  # LEAK
        sizes.append(size)


def main() -> None:
    gc.disable()
    start = time.perf_counter()
    for _ in range(100):
        Node(400_000)
        time.sleep(0.019)
    seconds = time.perf_counter() - start
    print(json.dumps({"leaked_mb": sum(sizes) / 2**20, "seconds": seconds}))


main()
