"""Serve requests from a cache that forgets to forget.

What a profiler should find:

* Leak: the line of ``answer`` that fills ``CACHE``. Every request has a key of its own, so
  nothing is ever found again, and nothing is ever dropped.
* No leak: the line of ``render`` that allocates as much again, but lets go of it at once.
"""

import time

CACHE: dict[str, bytes] = {}
REQUESTS = 150
PAGE_BYTES = 512 * 1024
PAUSE_SEC = 0.01


def render(path: str) -> bytes:
    """A page for ``path``."""
    page = bytearray(PAGE_BYTES)
    page[: len(path)] = path.encode()
    return bytes(page)


def answer(path: str, request_id: int) -> bytes:
    """The page, from the cache where it is there."""
    key = f"{path}?request={request_id}"
    if key not in CACHE:
        CACHE[key] = render(path)
    return CACHE[key]


def main() -> None:
    """Answer requests at a steady pace, about fifty megabytes of pages a second."""
    for request_id in range(REQUESTS):
        answer("/index.html", request_id)
        time.sleep(PAUSE_SEC)
    print(f"{len(CACHE)} pages cached, none of them ever used again")


if __name__ == "__main__":
    main()
