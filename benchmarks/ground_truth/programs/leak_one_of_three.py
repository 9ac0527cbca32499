"""One line allocates for all; every third piece is kept, the others are let go."""

import json
import time


def main() -> None:
    kept = []
    start = time.perf_counter()
    for i in range(150):
        piece = bytearray(900_000)  # LEAK
        if i % 3 == 0:
            kept.append(piece)
        time.sleep(0.013)
    seconds = time.perf_counter() - start
    print(json.dumps({"leaked_mb": sum(map(len, kept)) / 2**20, "seconds": seconds}))


main()
