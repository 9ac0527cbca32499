"""Two threads: one computes, the other mostly waits."""

import threading
import time


def crunch() -> None:
    x = 1
    for i in range(5_000_000):
        x = (x * 48_271 + i) % 2_147_483_647 ^ (i & 7)  # HOT


def heartbeat(stop: threading.Event) -> None:
    beats = 0
    while not stop.is_set():
        beats += 1
        time.sleep(0.01)


def main() -> None:
    stop = threading.Event()
    threads = [threading.Thread(target=crunch), threading.Thread(target=heartbeat, args=(stop,))]
    for thread in threads:
        thread.start()
    threads[0].join()
    stop.set()
    threads[1].join()


main()
