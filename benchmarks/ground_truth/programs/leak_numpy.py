"""numpy results kept in a history nobody reads."""

import json
import time

import numpy as np


def main() -> None:
    history = []
    state = np.ones(80_000)
    start = time.perf_counter()
    for step in range(110):
        state = state * 1.0001 + step  # LEAK
        history.append(state)
        time.sleep(0.018)
    seconds = time.perf_counter() - start
    print(json.dumps({"leaked_mb": sum(a.nbytes for a in history) / 2**20, "seconds": seconds}))


main()
