"""``/ws``, and ``/mcp`` by upgrade: who may open a WebSocket, and how many.

The same guards as for HTTP stand before the handshake; what they refuse gets the same HTTP status
and body. What is said on an open connection is in :mod:`dynogate.transports.conversation`.
"""

from collections import Counter
from collections.abc import Awaitable, Callable, Iterator, MutableMapping
from contextlib import contextmanager
from typing import Any

from dynogate.errors import Busy, DynogateError
from dynogate.gateway import Gateway
from dynogate.guards.caller import Caller
from dynogate.settings import Settings
from dynogate.transports.conversation import TRANSPORT, Conversation
from dynogate.transports.responses import Headers, Send, error_headers
from dynogate.transports.websocket_protocol import SocketLimits
from dynogate.wire import frames, jsonrpc

SUBPROTOCOL = "mcp"

_COUNTED = frozenset(
    {
        frames.NORMAL,
        frames.GOING_AWAY,
        frames.PROTOCOL_ERROR,
        frames.UNSUPPORTED_DATA,
        frames.NO_STATUS,
        frames.ABNORMAL,
        frames.INVALID_DATA,
        frames.POLICY_VIOLATION,
        frames.TOO_BIG,
        frames.INTERNAL_ERROR,
        frames.SERVICE_RESTART,
        frames.TRY_AGAIN_LATER,
    }
)


class WebSocketEndpoint:
    """The ASGI application behind ``/ws``."""

    def __init__(self, gateway: Gateway) -> None:
        self._gateway = gateway
        self._places = Places(gateway.settings.max_sockets, gateway.settings.max_sockets_per_client)
        self._limits = _limits(gateway.settings)
        gateway.metrics.follow(gateway.metrics.sockets, lambda: self._places.taken)

    async def __call__(
        self,
        scope: MutableMapping[str, Any],
        receive: Callable[[], Awaitable[MutableMapping[str, Any]]],
        send: Send,
    ) -> None:
        """Serve one connection, from its handshake to its end."""
        await receive()  # websocket.connect
        try:
            caller = await self._gateway.identify(scope)
            if self._gateway.draining:
                raise Busy("this gateway is shutting down", retry_after=1.0)
            with self._places.take(caller):
                await self._accept(scope["subprotocols"], send)
                code = await Conversation(self._gateway, caller, scope, receive, send).hold()
        except DynogateError as error:
            self._count(error.status)
            await _refuse(send, error)
            return
        self._gateway.metrics.closes[(str(code if code in _COUNTED else "other"),)].inc()

    async def _accept(self, offered: list[str], send: Send) -> None:
        self._count(101)
        subprotocol = SUBPROTOCOL if SUBPROTOCOL in offered else None
        await send({"type": "websocket.accept", "subprotocol": subprotocol, "limits": self._limits})

    def _count(self, status: int) -> None:
        self._gateway.metrics.requests[TRANSPORT, str(status)].inc()


class Places:
    """How many WebSockets may be open, in all and for one client.

    Attributes:
        taken: how many are.
    """

    def __init__(self, total: int, per_client: int) -> None:
        self.taken = 0
        self._total = total
        self._per_client = per_client
        self._by_client: Counter[str] = Counter()

    @contextmanager
    def take(self, caller: Caller) -> Iterator[None]:
        """One place, as long as the context lasts.

        Raises:
            Busy: there is none left.
        """
        if self.taken >= self._total:
            raise Busy(f"{self._total} WebSockets are open, the limit here", retry_after=5.0)
        if self._by_client[caller.share] >= self._per_client:
            raise Busy(
                f"you have {self._per_client} open WebSockets, the limit here; calls can share one",
                retry_after=5.0,
            )
        self.taken += 1
        self._by_client[caller.share] += 1
        try:
            yield
        finally:
            self.taken -= 1
            self._by_client[caller.share] -= 1
            if not self._by_client[caller.share]:
                del self._by_client[caller.share]


def _limits(settings: Settings) -> SocketLimits:
    return SocketLimits(
        max_bytes=settings.max_body_bytes,
        message_sec=settings.body_timeout_sec,
        ping_sec=settings.socket_ping_sec,
        pong_sec=settings.socket_ping_sec,
        write_sec=settings.socket_write_timeout_sec,
    )


async def _refuse(send: Send, error: DynogateError) -> None:
    body = jsonrpc.failure(jsonrpc.NULL_ID, error)
    headers: Headers = [
        (b"content-type", b"application/json"),
        (b"content-length", str(len(body)).encode()),
        *error_headers(error),
    ]
    await send(
        {"type": "websocket.http.response.start", "status": error.status, "headers": headers}
    )
    await send({"type": "websocket.http.response.body", "body": body})
