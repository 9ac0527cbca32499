"""A leak of 30 MB/s next to a line that churns ten times that."""

import json
import time


def main() -> None:
    kept = []
    start = time.perf_counter()
    for i in range(100):
        scratch = bytearray(6_000_000)
        scratch[i] = 1
        kept.append(bytes(scratch[:600_000]))  # LEAK
        time.sleep(0.018)
    seconds = time.perf_counter() - start
    print(json.dumps({"leaked_mb": sum(map(len, kept)) / 2**20, "seconds": seconds}))


main()
