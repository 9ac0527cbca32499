"""Two threads that both compute; each turn of one line is several times the other's."""

import threading


def heavy() -> None:
    x = 1
    for i in range(2_600_000):
        x = (x * 48_271 + i * 31 + 7) % 2_147_483_647 ^ (i & 7) + (x >> 5) % 13 + (x | i) % 11  # HOT


def light() -> None:
    y = 0
    for i in range(2_600_000):
        y += i


def main() -> None:
    threads = [threading.Thread(target=target) for target in (light, heavy)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()


main()
