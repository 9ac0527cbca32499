"""Two lines that keep memory; one keeps three times as much as the other."""

import time


def main() -> None:
    left, right = [], []
    for _ in range(50):
        left.append(bytearray(700_000))  # MAYBE
        right.append(bytearray(2_100_000))  # ALLOC MAYBE
        time.sleep(0.02)
    print(len(left) + len(right))


main()
