"""A cache that never hits: the body behind it costs."""

import functools


@functools.lru_cache(maxsize=128)
def lookup(key: int) -> int:
    return sum((key * k + 3) % 101 for k in range(40))  # HOT


def main() -> None:
    total = 0
    for i in range(330_000):
        total += lookup(i)
    print(total)


main()
