"""The same with numpy: out of place, rebinding one name."""

import time

import numpy as np


def main() -> None:
    a = np.ones(600_000)
    b = a
    for _ in range(150):
        b = a.copy()
        b += 1.0
        time.sleep(0.006)
    print(b[0])


main()
