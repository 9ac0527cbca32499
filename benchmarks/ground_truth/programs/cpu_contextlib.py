"""contextlib's generator machinery around a body that costs more."""

import contextlib


@contextlib.contextmanager
def transaction():
    yield 1


def main() -> None:
    total = 0
    for i in range(250_000):
        with transaction() as one:
            total += sum((i + k) * 31 % 17 for k in range(40)) + one  # HOT
    print(total)


main()
