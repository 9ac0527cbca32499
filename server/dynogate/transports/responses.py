"""How answers leave over HTTP."""

import math
from collections.abc import Awaitable, Callable, MutableMapping
from typing import Any

from dynogate.errors import Busy, DynogateError

Send = Callable[[MutableMapping[str, Any]], Awaitable[None]]
Headers = list[tuple[bytes, bytes]]


async def send_json(send: Send, status: int, body: bytes, headers: Headers | None = None) -> None:
    """Send ``body`` (JSON, or nothing at all where it is empty)."""
    head: Headers = [(b"content-length", str(len(body)).encode())]
    if body:
        head.append((b"content-type", b"application/json"))
    if headers:
        head += headers
    await send({"type": "http.response.start", "status": status, "headers": head})
    await send({"type": "http.response.body", "body": body})


def retry_headers(error: DynogateError) -> Headers:
    """``Retry-After`` in whole seconds, for errors that know when to come back."""
    if isinstance(error, Busy):
        return [(b"retry-after", str(max(1, math.ceil(error.retry_after))).encode())]
    return []
