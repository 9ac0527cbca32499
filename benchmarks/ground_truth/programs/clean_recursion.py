"""Memory that grows on the way down and is gone on the way up, many times."""

import time


def descend(depth: int) -> int:
    frame = bytearray(700_000)
    if depth == 0:
        time.sleep(0.03)
        return len(frame)
    below = descend(depth - 1)
    return below + len(frame)


def main() -> None:
    total = 0
    for _ in range(40):
        total += descend(30)
    print(total)


main()
