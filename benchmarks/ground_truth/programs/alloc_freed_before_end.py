"""A big block in the middle of the run, freed again; little is kept at the end."""

import time


def main() -> None:
    note = [0] * 200_000
    time.sleep(0.3)
    block = bytearray(250_000_000)  # ALLOC
    block[::4096] = b"x" * len(block[::4096])
    time.sleep(0.5)
    del block
    time.sleep(0.5)
    print(len(note))


main()
