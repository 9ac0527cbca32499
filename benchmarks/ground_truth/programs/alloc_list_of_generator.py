"""list(generator): the objects are made in the generator's line, the list only holds them."""

import time


def records(count: int):
    for i in range(count):
        yield f"record number {i:012d} with some text to make it long enough to matter"  # ALLOC


def main() -> None:
    rows = list(records(700_000))
    time.sleep(0.4)
    print(len(rows))


main()
