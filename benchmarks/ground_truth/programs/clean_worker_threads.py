"""Threads that come and go, each with a buffer of its own."""

import threading
import time


def work() -> None:
    buffer = bytearray(3_000_000)
    buffer[7] = 1
    time.sleep(0.02)


def main() -> None:
    for _ in range(35):
        threads = [threading.Thread(target=work) for _ in range(3)]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
    print("done")


main()
