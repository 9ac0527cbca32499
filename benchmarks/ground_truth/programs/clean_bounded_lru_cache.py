"""A cache with a bound, full after the first tenth of the run."""

import functools
import time


@functools.lru_cache(maxsize=16)
def page(number: int) -> bytes:
    return bytes(1_200_000 + number)


def main() -> None:
    for number in range(160):
        page(number)
        time.sleep(0.01)
    print(page.cache_info().currsize)


main()
