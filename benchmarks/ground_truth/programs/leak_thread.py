"""A background thread that keeps what it reads, while the main thread churns."""

import json
import threading
import time

log: list[bytearray] = []
took: list[float] = []


def collect() -> None:
    start = time.perf_counter()
    for _ in range(100):
        log.append(bytearray(500_000))  # LEAK
        time.sleep(0.019)
    took.append(time.perf_counter() - start)


def main() -> None:
    worker = threading.Thread(target=collect)
    worker.start()
    while worker.is_alive():
        scratch = bytearray(3_000_000)
        time.sleep(0.01)
        del scratch
    print(json.dumps({"leaked_mb": sum(map(len, log)) / 2**20, "seconds": took[0]}))


main()
