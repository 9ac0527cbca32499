"""About 20 MB/s of byte arrays appended to a list."""

import json
import time


def main() -> None:
    kept = []
    start = time.perf_counter()
    for _ in range(125):
        kept.append(bytearray(400_000))  # LEAK
        time.sleep(0.019)
    seconds = time.perf_counter() - start
    print(json.dumps({"leaked_mb": sum(map(len, kept)) / 2**20, "seconds": seconds}))


main()
