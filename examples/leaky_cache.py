"""Serve requests from a cache that forgets to forget.

What a profiler should find:

* Leak: the line of ``render`` that encodes the page. ``CACHE`` keeps every one of them: each
  request has a key of its own, so nothing is ever found again, and nothing is ever dropped.
* No leak: the line above it, which allocates as much and more, and lets go of it at once.
* CPU: that same line, where the page is put together.
"""

ITEMS = 6_000
REQUESTS = 800
CACHE: dict[str, bytes] = {}


def render(path: str) -> bytes:
    """A page of about 180 KB."""
    page = "".join(f"<li>{path}?item={number}</li>" for number in range(ITEMS))
    return page.encode()


def answer(path: str, request_id: int) -> bytes:
    """The page, from the cache where it is there."""
    key = f"{path}?request={request_id}"
    if key not in CACHE:
        CACHE[key] = render(path)
    return CACHE[key]


def main() -> None:
    """Answer requests, and say what became of the cache."""
    for request_id in range(REQUESTS):
        answer("/index.html", request_id)
    print(f"{len(CACHE)} pages cached, none of them ever used again")


if __name__ == "__main__":
    main()
