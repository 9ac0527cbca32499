"""numpy inside a helper: the helper's line is hot, not the caller's."""

import numpy as np


def quantiles(sample):
    scaled = sample * 0.5
    ordered = np.sort(scaled)  # HOT
    return ordered[::1000]


def main() -> None:
    rng = np.random.default_rng(2)
    sample = rng.random(400_000)
    total = 0.0
    for _ in range(350):
        total += float(quantiles(sample)[3])
    print(total)


main()
