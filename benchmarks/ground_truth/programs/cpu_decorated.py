"""The decorated function costs, not the wrapper around it."""

import functools


def counted(function):
    calls = 0

    @functools.wraps(function)
    def wrapper(*args):
        nonlocal calls
        calls += 1
        return function(*args)

    return wrapper


@counted
def digest(number: int) -> int:
    value = number
    for _ in range(40):
        value = (value * 6_364_136_223_846_793_005 + 1_442_695_040_888_963_407) % 2**64  # HOT
    return value


def main() -> None:
    total = 0
    for i in range(130_000):
        total ^= digest(i)
    print(total)


main()
