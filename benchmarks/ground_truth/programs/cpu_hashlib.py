"""A C extension that lets go of the GIL."""

import hashlib


def main() -> None:
    block = bytes(range(256)) * 40_000
    digest = b""
    for turn in range(60):
        salt = str(turn).encode()
        digest = hashlib.sha512(salt + block).digest()  # HOT
    print(digest.hex()[:8])


main()
