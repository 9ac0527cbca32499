"""300 MB at the start are no leak; the 15 MB/s that follow are."""

import json
import time


def main() -> None:
    model = bytearray(300_000_000)
    kept = []
    start = time.perf_counter()
    for _ in range(110):
        kept.append(bytearray(300_000))  # LEAK
        time.sleep(0.019)
    seconds = time.perf_counter() - start
    print(len(model))
    print(json.dumps({"leaked_mb": sum(map(len, kept)) / 2**20, "seconds": seconds}))


main()
