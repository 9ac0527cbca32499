"""A leak in a program that never sleeps: results of a computation, kept for ever."""

import json
import sys
import time


def main() -> None:
    kept = []
    start = time.perf_counter()
    for i in range(260):
        total = 0
        for k in range(40_000):
            total += (i * k) % 7
        kept.append([total] * 50_000)  # LEAK
    seconds = time.perf_counter() - start
    print(json.dumps({"leaked_mb": sum(map(sys.getsizeof, kept)) / 2**20, "seconds": seconds}))


main()
