"""The memory is made in a thread while the main thread makes little."""

import threading
import time

store: list[bytearray] = []


def load() -> None:
    for _ in range(60):
        store.append(bytearray(1_500_000))  # ALLOC MAYBE
        time.sleep(0.015)


def main() -> None:
    worker = threading.Thread(target=load)
    worker.start()
    small = []
    while worker.is_alive():
        small.append(bytes(50_000))  # MAYBE
        time.sleep(0.02)
    worker.join()
    print(len(store), len(small))


main()
