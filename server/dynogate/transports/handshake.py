"""The opening of a WebSocket as ASGI: what the app is asked, and what it answers.

Source: RFC 6455, section 4, by the ``websockets`` library; ASGI, "WebSocket Connection Scope" and
its extension "WebSocket Denial Response".
"""

import asyncio
from collections.abc import MutableMapping
from typing import TYPE_CHECKING, Any, cast
from urllib.parse import unquote

from uvicorn.config import Config
from uvicorn.protocols.utils import get_local_addr, get_remote_addr, is_ssl
from websockets.datastructures import Headers
from websockets.http11 import Request, Response
from websockets.server import ServerProtocol

from dynogate.telemetry.logs import get_logger

if TYPE_CHECKING:
    from dynogate.transports.websocket_protocol import WebSocketProtocol

log = get_logger(__name__)

Event = MutableMapping[str, Any]


def read_request(head: bytes) -> tuple[Request | None, Response]:
    """What a client sent, and what to answer if the app lets it in; status 101 where it may ask."""
    handshake = ServerProtocol()
    handshake.receive_data(head)
    for request in handshake.events_received():
        return cast(Request, request), handshake.accept(cast(Request, request))
    return None, handshake.reject(431, "the headers of the request are too long\n")


def scope_of(
    request: Request, transport: asyncio.Transport, config: Config, app_state: dict[str, Any]
) -> Event:
    """The request as ASGI has it."""
    path, _, query = request.path.partition("?")
    offered = ",".join(request.headers.get_all("Sec-WebSocket-Protocol"))
    return {
        "type": "websocket",
        "asgi": {"version": config.asgi_version, "spec_version": "2.4"},
        "http_version": "1.1",
        "scheme": "wss" if is_ssl(transport) else "ws",
        "server": get_local_addr(transport),
        "client": get_remote_addr(transport),
        "root_path": config.root_path,
        "path": config.root_path + unquote(path),
        "raw_path": (config.root_path + path).encode("ascii"),
        "query_string": query.encode("ascii"),
        "headers": [
            (name.lower().encode("ascii"), value.encode("latin-1"))
            for name, value in request.headers.raw_items()
        ],
        "subprotocols": [each.strip() for each in offered.split(",") if each.strip()],
        "state": app_state.copy(),
        "extensions": {"websocket.http.response": {}},
    }


class Opening:
    """One connection until the app has let it in or not.

    Args:
        response: what is sent where it has.
    """

    def __init__(self, response: Response, socket: "WebSocketProtocol") -> None:
        self._response = response
        self._socket = socket
        self._refusal: Event | None = None

    async def run(self, scope: Event, config: Config) -> None:
        """Ask the app."""
        try:
            await config.loaded_app(scope, self._receive, self._send)
        except OSError:
            log.debug("a client went away before it was answered")
        except Exception:
            log.exception("a WebSocket could not be opened", path=scope["path"][:200])
        if self._socket.is_opening:
            self._socket.refuse(Response(500, "Internal Server Error", Headers(), b""))

    async def _receive(self) -> Event:
        return {"type": "websocket.connect"}  # all there is to be heard before the answer

    async def _send(self, message: Event) -> None:
        kind = message["type"]
        if not self._socket.is_opening:
            raise OSError("the connection is closed")
        if kind == "websocket.accept":
            subprotocol = message.get("subprotocol")
            if subprotocol is not None:
                self._response.headers["Sec-WebSocket-Protocol"] = subprotocol
            _add(self._response.headers, message)
            self._socket.accept(self._response, message["receiver"], message["rules"])
        elif kind == "websocket.close":
            self._socket.refuse(Response(403, "Forbidden", Headers(), b""))
        elif kind == "websocket.http.response.start":
            self._refusal = message
        elif kind == "websocket.http.response.body" and self._refusal is not None:
            headers = Headers()
            _add(headers, self._refusal)
            body = message.get("body", b"")
            self._socket.refuse(Response(self._refusal["status"], "Refused", headers, body))


def _add(headers: Headers, message: Event) -> None:
    for name, value in message.get("headers", ()):
        headers[name.decode("latin-1")] = value.decode("latin-1")
