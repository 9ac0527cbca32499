"""A consumer blocked on a queue most of the time; the producer's line costs."""

import queue
import threading


def produce(out: "queue.Queue[int | None]") -> None:
    for block in range(36):
        value = block
        for i in range(200_000):
            value = (value * 75 + i) % 65_537 ^ (value >> 4)  # HOT
        out.put(value)
    out.put(None)


def main() -> None:
    results: "queue.Queue[int | None]" = queue.Queue()
    threading.Thread(target=produce, args=(results,)).start()
    total = 0
    while (value := results.get()) is not None:
        total += value
    print(total)


main()
