"""A loop of four lines; one of them keeps a megabyte a turn, another a tenth of that."""

import time


def main() -> None:
    headers = []
    bodies = []
    for i in range(120):
        number = i * 7
        headers.append(bytes(100_000))  # MAYBE
        bodies.append(bytes(1_000_000 + number))  # ALLOC MAYBE
        time.sleep(0.008)
    print(len(headers) + len(bodies))


main()
