"""A dictionary that evicts its oldest entry once it holds 2,000."""

import time


def main() -> None:
    cache: dict[int, str] = {}
    for number in range(60_000):
        cache[number] = "x" * 2_000 + str(number)
        if len(cache) > 2_000:
            cache.pop(next(iter(cache)))
        if number % 400 == 0:
            time.sleep(0.009)
    print(len(cache))


main()
