"""lru_cache(maxsize=None) over arguments that never repeat."""

import functools
import json
import time

sizes = []


@functools.lru_cache(maxsize=None)
def thumbnail(number: int) -> bytes:
    sizes.append(500_000 + number)
    return bytes(500_000 + number)  # LEAK


def main() -> None:
    start = time.perf_counter()
    for number in range(100):
        thumbnail(number)
        time.sleep(0.019)
    seconds = time.perf_counter() - start
    print(json.dumps({"leaked_mb": sum(sizes) / 2**20, "seconds": seconds}))


main()
