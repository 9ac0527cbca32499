"""How much body a request may have, and how long it may take to arrive."""

import asyncio
from collections.abc import Awaitable, Callable, MutableMapping
from typing import Any

from dynogate.errors import BodyTimeout, BodyTooLarge, ClientGone, UnsupportedMediaType
from dynogate.guards.deadline import within
from dynogate.wire.fields import Fields

_JSON = b"application/json"

Part = MutableMapping[str, Any]
Receive = Callable[[], Awaitable[Part]]


class BodyGuard:
    """Reads JSON bodies within bounds of size and time."""

    def __init__(self, *, max_bytes: int, timeout_sec: float) -> None:
        self._max_bytes = max_bytes
        self._timeout_sec = timeout_sec

    async def read(self, fields: Fields, receive: Receive) -> bytes:
        """The whole body.

        Raises:
            UnsupportedMediaType: it is not declared as JSON, or is compressed.
            BodyTooLarge: it is declared as, or turns out, larger than the limit.
            BodyTimeout: it did not arrive in time.
            ClientGone: the client went away while sending it.
        """
        self._check_fields(fields)
        try:
            message = await within(self._timeout_sec, receive())
            if message.get("more_body", False):
                return await self._in_parts(message, receive)
        except TimeoutError:
            raise BodyTimeout(f"the body did not arrive within {self._timeout_sec:g} s") from None
        return self._part(message)

    async def _in_parts(self, message: Part, receive: Receive) -> bytes:
        deadline = asyncio.get_running_loop().time() + self._timeout_sec
        chunks = bytearray(self._part(message))
        while message.get("more_body", False):
            left = deadline - asyncio.get_running_loop().time()
            message = await within(max(left, 0.0), receive())
            chunks += self._part(message)
            if len(chunks) > self._max_bytes:
                raise self._too_large()
        return bytes(chunks)

    def _part(self, message: Part) -> bytes:
        if message["type"] == "http.disconnect":
            raise ClientGone("the client went away while sending the body")
        body: bytes = message.get("body", b"")
        if len(body) > self._max_bytes:
            raise self._too_large()
        return body

    def _too_large(self) -> BodyTooLarge:
        return BodyTooLarge(f"the body is over {self._max_bytes} bytes, the limit here")

    def _check_fields(self, fields: Fields) -> None:
        media_type = fields.get(b"content-type") or b""
        if media_type != _JSON and media_type.split(b";", 1)[0].strip().lower() != _JSON:
            raise UnsupportedMediaType("send the body with Content-Type: application/json")
        encoding = fields.get(b"content-encoding")
        if encoding is not None and (
            encoding.strip().lower() != b"identity" or b"content-encoding" in fields.repeated
        ):
            raise UnsupportedMediaType("compressed bodies are not taken; send plain JSON")
        length = fields.get(b"content-length")
        if length is not None and length.isdigit() and int(length) > self._max_bytes:
            raise BodyTooLarge(
                f"the body is {int(length)} bytes; the limit here is {self._max_bytes}"
            )
