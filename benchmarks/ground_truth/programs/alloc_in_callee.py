"""The memory is made in a helper and kept by its caller: the helper's line made it."""

import time


def make_row(width: int) -> list[int]:
    return list(range(1_000, 1_000 + width))  # ALLOC


def main() -> None:
    rows = []
    for _ in range(40):
        row = make_row(60_000)
        rows.append(row)
        time.sleep(0.01)
    time.sleep(1.0)
    print(len(rows))


main()
