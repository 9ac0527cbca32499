"""sum(map(f, data)) with nothing but C in it: the calling line is all there is."""

import math


def main() -> None:
    total = 0.0
    for turn in range(200):
        total -= turn
        total += sum(map(math.sqrt, range(150_000)))  # HOT
    print(total)


main()
