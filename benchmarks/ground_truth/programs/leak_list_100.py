"""About 100 MB/s of byte arrays appended to a list."""

import json
import time

kept = []
start = time.perf_counter()
for _ in range(100):
    block = bytearray(2_000_000)  # LEAK
    kept.append(block)
    time.sleep(0.019)
seconds = time.perf_counter() - start
print(json.dumps({"leaked_mb": sum(map(len, kept)) / 2**20, "seconds": seconds}))
