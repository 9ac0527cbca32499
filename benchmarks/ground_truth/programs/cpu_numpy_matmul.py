"""A matrix product between cheap lines; BLAS may use many threads."""

import numpy as np


def main() -> None:
    rng = np.random.default_rng(1)
    a = rng.random((700, 700))
    b = rng.random((700, 700))
    total = 0.0
    for i in range(45):
        shift = i % 3
        c = a @ b  # HOT
        total += float(c[shift, 0])
        shift += 1
    print(total)


main()
