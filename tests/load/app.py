"""A small MCP server of the tests: raw ASGI, as fast as uvicorn can be, frozen where it is told to.

Run as ``python -m tests.load.app``: prints its port and serves until its stdin is closed.
``FREEZE=every,seconds`` stops the whole server for so long, so often.
"""

import asyncio
import json
import os
import socket
import sys
import threading
import time
from collections.abc import Awaitable, Callable, MutableMapping
from typing import Any

import uvicorn

Message = MutableMapping[str, Any]
TOOLS = [
    {"name": "execute_query", "inputSchema": {"type": "object", "required": ["sql"]}},
    {
        "name": "list_databases",
        "inputSchema": {"type": "object"},
        "annotations": {"readOnlyHint": True},
    },
]


async def app(
    scope: Message,
    receive: Callable[[], Awaitable[Message]],
    send: Callable[[Message], Awaitable[None]],
) -> None:
    """Answer any POST and any text frame as a JSON-RPC request."""
    if scope["type"] == "websocket":
        await _websocket(receive, send)
        return
    body, more = b"", True
    while more:
        message = await receive()
        body += message.get("body", b"")
        more = message.get("more_body", False)
    answer = _answer(body)
    head = [(b"content-type", b"application/json"), (b"content-length", b"%d" % len(answer))]
    await send({"type": "http.response.start", "status": 200 if answer else 202, "headers": head})
    await send({"type": "http.response.body", "body": answer})


async def _websocket(
    receive: Callable[[], Awaitable[Message]], send: Callable[[Message], Awaitable[None]]
) -> None:
    while True:
        message = await receive()
        if message["type"] == "websocket.connect":
            await send({"type": "websocket.accept", "subprotocol": "mcp"})
        elif message["type"] == "websocket.disconnect":
            return
        elif answer := _answer(message["text"].encode()):
            await send({"type": "websocket.send", "text": answer.decode()})


def _answer(body: bytes) -> bytes:
    request = json.loads(body) if body else {}
    if "id" not in request:
        return b""
    result: dict[str, object] = {"content": [{"type": "text", "text": "ok"}], "isError": False}
    if request["method"] == "tools/list":
        result = {"tools": TOOLS}
    return json.dumps({"jsonrpc": "2.0", "id": request["id"], "result": result}).encode()


def _freeze(every: float, seconds: float) -> None:
    """Hold the event loop for ``seconds`` at the end of each ``every``, counted from the epoch."""
    now = time.time()
    asyncio.get_running_loop().call_later(every - seconds - now % every, _frozen, every, seconds)


def _frozen(every: float, seconds: float) -> None:
    time.sleep(every - time.time() % every)
    _freeze(every, seconds)


class _Server(uvicorn.Server):
    async def startup(self, sockets: list[socket.socket] | None = None) -> None:
        await super().startup(sockets)
        if "FREEZE" in os.environ:
            every, seconds = map(float, os.environ["FREEZE"].split(","))
            _freeze(every, seconds)


def main() -> None:
    """Serve."""
    listener = socket.create_server(("127.0.0.1", 0), backlog=1024)
    sys.stdout.write(f"{listener.getsockname()[1]}\n")
    sys.stdout.flush()
    config = uvicorn.Config(app, log_config=None, access_log=False, timeout_graceful_shutdown=1)
    server = _Server(config)

    def until_closed() -> None:
        sys.stdin.read()
        server.should_exit = True

    threading.Thread(target=until_closed, daemon=True).start()
    server.run(sockets=[listener])


if __name__ == "__main__":
    main()
