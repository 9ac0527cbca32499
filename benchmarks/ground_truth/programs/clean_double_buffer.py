"""Two buffers that take turns; a new back buffer is made for every frame."""

import time


def main() -> None:
    front = bytearray(5_000_000)
    for frame in range(140):
        back = bytearray(5_000_000)
        back[frame] = 255
        front, back = back, front
        time.sleep(0.01)
    print(front[0])


main()
