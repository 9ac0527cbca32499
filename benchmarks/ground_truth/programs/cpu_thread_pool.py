"""A pool of threads; the main thread waits for results."""

from concurrent.futures import ThreadPoolExecutor


def checksum(start: int) -> int:
    value = start
    for i in range(250_000):
        value = (value * 69_069 + i) % 4_294_967_291 ^ (value >> 7)  # HOT
    return value


def main() -> None:
    with ThreadPoolExecutor(4) as pool:
        results = list(pool.map(checksum, range(18)))
    print(sum(results))


main()
