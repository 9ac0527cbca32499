"""One line churns big temporaries, another keeps memory: both belong on top, in either order."""

import time


def main() -> None:
    kept = []
    label = ""
    for i in range(60):
        scratch = bytearray(12_000_000)  # ALLOC
        scratch[i] = 1
        kept.append(bytearray(3_000_000))  # ALLOC MAYBE
        label = str(i)
        time.sleep(0.012)
    print(len(kept), label)


main()
