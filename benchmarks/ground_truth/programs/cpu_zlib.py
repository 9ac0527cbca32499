"""Compression costs, decompression beside it hardly does."""

import zlib


def main() -> None:
    data = b"".join(b"%d,%d;" % (i, i * i % 977) for i in range(150_000))
    total = 0
    for _ in range(7):
        packed = zlib.compress(data, 9)  # HOT
        again = zlib.decompress(packed)
        total += len(again)
    print(total)


main()
