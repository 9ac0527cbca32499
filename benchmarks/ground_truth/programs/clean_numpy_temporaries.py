"""An iteration in numpy that allocates temporaries all the time and keeps one array."""

import numpy as np


def main() -> None:
    x = np.linspace(0.0, 1.0, 800_000)
    for _ in range(160):
        x = x - (x * x - 0.5) / (2.0 * x + 1.0)
    print(float(x[5]))


main()
