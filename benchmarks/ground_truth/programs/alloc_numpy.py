"""numpy arrays of very different sizes."""

import time

import numpy as np


def main() -> None:
    mask = np.ones(1_000_000, dtype=np.uint8)
    grid = np.ones((4_000, 3_000))  # ALLOC
    index = np.arange(500_000)
    time.sleep(1.0)
    print(mask.sum() + grid.sum() + index.sum())


main()
