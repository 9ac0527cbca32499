"""Callbacks that are never removed, each closing over a buffer."""

import json
import time

callbacks = []
sizes = []


def subscribe(size: int) -> None:
    buffer = bytearray(size)  # LEAK

    def on_event(value: int) -> int:
        return buffer[value]

    callbacks.append(on_event)
    sizes.append(size)


def main() -> None:
    start = time.perf_counter()
    for i in range(110):
        subscribe(600_000 + i)
        time.sleep(0.018)
    seconds = time.perf_counter() - start
    print(json.dumps({"leaked_mb": sum(sizes) / 2**20, "seconds": seconds}))


main()
