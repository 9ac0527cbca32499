"""Waiting for a pipe that is slow to fill; the parsing costs the CPU time."""

import os
import threading
import time


def writer(fd: int) -> None:
    line = b"4711 0815 1234 5678\n" * 400
    for _ in range(60):
        time.sleep(0.015)
        os.write(fd, line)
    os.close(fd)


def main() -> None:
    read_fd, write_fd = os.pipe()
    threading.Thread(target=writer, args=(write_fd,)).start()
    total = 0
    while chunk := os.read(read_fd, 8_000):
        for _ in range(60):
            total += sum(int(field) for field in chunk.split())  # HOT
    print(total)


main()
