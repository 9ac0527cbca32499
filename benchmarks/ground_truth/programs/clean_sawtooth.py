"""Fill a batch, flush it, again and again."""

import time


def main() -> None:
    flushed = 0
    for _ in range(8):
        batch = []
        for _ in range(20):
            batch.append(bytearray(2_000_000))
            time.sleep(0.009)
        flushed += len(batch)
        batch.clear()
    print(flushed)


main()
