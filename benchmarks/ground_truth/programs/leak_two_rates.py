"""Two leaks in one loop, at 40 and at 12 MB/s."""

import json
import time


def main() -> None:
    fast, slow = [], []
    start = time.perf_counter()
    for _ in range(110):
        fast.append(bytearray(800_000))  # LEAK:fast
        time.sleep(0.009)
        slow.append(bytearray(240_000))  # LEAK:slow
        time.sleep(0.009)
    seconds = time.perf_counter() - start
    kept = {"fast": sum(map(len, fast)) / 2**20, "slow": sum(map(len, slow)) / 2**20}
    print(json.dumps({"leaked_mb": kept, "seconds": seconds}))


main()
