"""numpy temporaries in one expression; nothing is kept."""

import numpy as np


def main() -> None:
    base = np.linspace(0.0, 1.0, 1_500_000)
    total = 0.0
    for i in range(60):
        small = base[:10_000] + i
        total += float((base * i + base * 2.0 - base / 3.0)[7])  # ALLOC
        total += float(small[3])
    print(total)


main()
