"""How much body a request may have, and how long it may take to arrive."""

import asyncio
from collections.abc import Awaitable, Callable, MutableMapping, Sequence
from typing import Any

from dynogate.errors import BodyTimeout, BodyTooLarge, ClientGone, UnsupportedMediaType
from dynogate.guards.deadline import within

Receive = Callable[[], Awaitable[MutableMapping[str, Any]]]


class BodyGuard:
    """Reads JSON bodies within bounds of size and time."""

    def __init__(self, *, max_bytes: int, timeout_sec: float) -> None:
        self._max_bytes = max_bytes
        self._timeout_sec = timeout_sec

    async def read(self, headers: Sequence[tuple[bytes, bytes]], receive: Receive) -> bytes:
        """The whole body.

        Raises:
            UnsupportedMediaType: it is not declared as JSON, or is compressed.
            BodyTooLarge: it is declared as, or turns out, larger than the limit.
            BodyTimeout: it did not arrive in time.
            ClientGone: the client went away while sending it.
        """
        self._check_headers(headers)
        message = await self._next(receive, self._timeout_sec)
        body: bytes = message.get("body", b"")
        if not message.get("more_body", False):  # nearly every request: one message, no copy
            self._check_size(len(body))
            return body
        deadline = asyncio.get_running_loop().time() + self._timeout_sec
        chunks = bytearray(body)
        self._check_size(len(chunks))
        while message.get("more_body", False):
            left = deadline - asyncio.get_running_loop().time()
            message = await self._next(receive, max(left, 0.0))
            chunks += message.get("body", b"")
            self._check_size(len(chunks))
        return bytes(chunks)

    async def _next(self, receive: Receive, timeout_sec: float) -> MutableMapping[str, Any]:
        try:
            message = await within(timeout_sec, receive())
        except TimeoutError:
            raise BodyTimeout(f"the body did not arrive within {self._timeout_sec:g} s") from None
        if message["type"] == "http.disconnect":
            raise ClientGone("the client went away while sending the body")
        return message

    def _check_size(self, size: int) -> None:
        if size > self._max_bytes:
            raise BodyTooLarge(f"the body is over {self._max_bytes} bytes, the limit here")

    def _check_headers(self, headers: Sequence[tuple[bytes, bytes]]) -> None:
        media_type = b""
        for name, value in headers:
            if name == b"content-type":
                media_type = value.split(b";", 1)[0].strip().lower()
            elif name == b"content-encoding" and value.strip().lower() != b"identity":
                raise UnsupportedMediaType("compressed bodies are not taken; send plain JSON")
            elif name == b"content-length" and value.isdigit() and int(value) > self._max_bytes:
                raise BodyTooLarge(
                    f"the body is {int(value)} bytes; the limit here is {self._max_bytes}"
                )
        if media_type != b"application/json":
            raise UnsupportedMediaType("send the body with Content-Type: application/json")
