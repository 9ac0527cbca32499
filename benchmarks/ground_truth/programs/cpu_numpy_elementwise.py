"""Element-wise numpy: the transcendental line costs, the additions do not."""

import numpy as np


def main() -> None:
    x = np.linspace(0.1, 9.9, 400_000)
    total = 0.0
    for _ in range(70):
        y = x + 1.0
        z = np.sin(y) * np.cos(x) + np.exp(-y)  # HOT
        w = z - 1.0
        total += float(w[5])
    print(total)


main()
