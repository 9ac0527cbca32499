"""A big text made by join; its parts were there before and are small."""

import time


def main() -> None:
    part = "0123456789" * 100
    texts = []
    for i in range(8):
        size = len(texts)
        texts.append(part.join(["-"] * 8_000))  # ALLOC
        time.sleep(0.05 + size * 0)
    time.sleep(0.6)
    print(sum(map(len, texts)))


main()
