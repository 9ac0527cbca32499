"""b = a.copy() in a loop: much is allocated, nothing is kept."""

import time


def main() -> None:
    a = list(range(400_000))
    b = []
    for i in range(150):
        b = a.copy()
        b[0] = i
        time.sleep(0.008)
    print(len(b))


main()
