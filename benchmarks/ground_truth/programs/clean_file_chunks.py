"""A file is read in chunks, parsed and let go."""

import os
import tempfile
import time


def main() -> None:
    with tempfile.TemporaryFile() as file:
        file.write(os.urandom(1_000) * 60_000)
        total = 0
        for _ in range(2):
            file.seek(0)
            while chunk := file.read(1_500_000):
                total += chunk.count(b"a")
                time.sleep(0.012)
    print(total)


main()
