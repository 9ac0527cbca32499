"""A slow leak: about 6 MB/s in pieces of 60 KB."""

import json
import time


def main() -> None:
    kept = []
    start = time.perf_counter()
    for _ in range(300):
        kept.append(bytearray(60_000))  # LEAK
        time.sleep(0.0095)
    seconds = time.perf_counter() - start
    print(json.dumps({"leaked_mb": sum(map(len, kept)) / 2**20, "seconds": seconds}))


main()
