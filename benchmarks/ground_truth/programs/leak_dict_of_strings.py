"""A cache without a bound, keyed by request, holding small strings."""

import json
import sys
import time

cache: dict[str, str] = {}


def handle(number: int) -> str:
    key = f"/customer/{number:09d}/orders?page={number % 7}"  # MAYBE
    if key not in cache:
        cache[key] = f"<response for={number:012d} body={'x' * 120}{number}>"  # LEAK
    return cache[key]


def main() -> None:
    start = time.perf_counter()
    for number in range(220_000):
        handle(number)
        if number % 500 == 0:
            time.sleep(0.004)
    seconds = time.perf_counter() - start
    sizes = sum(sys.getsizeof(value) for value in cache.values()) + sys.getsizeof(cache)
    print(json.dumps({"leaked_mb": sizes / 2**20, "seconds": seconds}))


main()
