"""The limit: an ASGI app that reads the body and sends the answer Dynogate would send."""

from collections.abc import Awaitable, Callable, MutableMapping
from typing import Any

Message = MutableMapping[str, Any]

BODY = (
    b'{"result":{"content":[{"type":"text","text":"hellohello"}],"isError":false,'
    b'"structuredContent":{"said":"hellohello"}},"id":1,"jsonrpc":"2.0"}'
)
HEADERS = [(b"content-length", str(len(BODY)).encode()), (b"content-type", b"application/json")]


async def app(
    scope: Message,
    receive: Callable[[], Awaitable[Message]],
    send: Callable[[Message], Awaitable[None]],
) -> None:
    """Answer any request."""
    while (await receive()).get("more_body", False):
        continue
    await send({"type": "http.response.start", "status": 200, "headers": HEADERS})
    await send({"type": "http.response.body", "body": BODY})
