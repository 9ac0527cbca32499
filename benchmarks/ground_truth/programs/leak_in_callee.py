"""Made two calls down, kept at the top: the line that allocates is the one to look at."""

import json
import time


def read_block(size: int) -> bytearray:
    return bytearray(size)  # LEAK


def read_record(number: int) -> tuple[int, bytearray]:
    return number, read_block(480_000)


def main() -> None:
    seen = []
    start = time.perf_counter()
    for number in range(100):
        seen.append(read_record(number))
        time.sleep(0.019)
    seconds = time.perf_counter() - start
    print(json.dumps({"leaked_mb": sum(len(b) for _, b in seen) / 2**20, "seconds": seconds}))


main()
