"""``/ws``, and ``/mcp`` by upgrade: who may open a WebSocket, and how many.

The same guards as for HTTP stand before the handshake; what they refuse gets the same HTTP status
and body. What is said on an open connection is in :mod:`dynogate.transports.conversation`.
"""

from collections.abc import Awaitable, Callable, Iterator, MutableMapping
from contextlib import contextmanager
from typing import Any

from dynogate.errors import Busy
from dynogate.gateway import Gateway
from dynogate.mcp.router import Router
from dynogate.settings import Settings
from dynogate.transports.conversation import Conversation
from dynogate.transports.responses import Send
from dynogate.transports.rounds import Rounds
from dynogate.transports.websocket_protocol import Limits, Rules
from dynogate.wire import frames

SUBPROTOCOL = "mcp"

_LOOK_SEC = 30.0  # how soon a revoked key ends a quiet connection
_RETRY_SEC = 5.0


class WebSocketEndpoint:
    """The ASGI application behind ``/ws``."""

    def __init__(self, gateway: Gateway, router: Router) -> None:
        settings = gateway.settings
        self._gateway = gateway
        self._router = router
        self._places = Places(settings.max_sockets, settings.max_sockets_per_client)
        self._rules = Rules(_limits(settings))
        self._open = Rounds(
            min(_LOOK_SEC, settings.socket_idle_timeout_sec / 2), Conversation.look_after
        )
        gateway.drain.tell(self._wind_up)
        gateway.metrics.follow(gateway.metrics.sockets, lambda: len(self._open))

    async def __call__(
        self,
        scope: MutableMapping[str, Any],
        receive: Callable[[], Awaitable[MutableMapping[str, Any]]],
        send: Send,
    ) -> None:
        """Serve one connection, from its handshake to its end.

        Raises:
            DynogateError: it may not be opened.
        """
        await receive()  # websocket.connect
        caller = await self._gateway.identify(scope)
        with self._places.take(caller.share):
            subprotocol = SUBPROTOCOL if SUBPROTOCOL in scope["subprotocols"] else None
            await send(
                {"type": "websocket.accept", "subprotocol": subprotocol, "rules": self._rules}
            )
            conversation = Conversation(self._gateway, self._router, caller, scope, receive, send)
            self._open.add(conversation)
            try:
                code = await conversation.hold()
            finally:
                self._open.discard(conversation)
        self._gateway.metrics.closes[(str(code if code in frames.KNOWN_CODES else "other"),)].inc()

    def _wind_up(self) -> None:
        for conversation in self._open:
            conversation.wind_up()


class Places:
    """How many WebSockets may be open, in all and for one client."""

    def __init__(self, total: int, per_client: int) -> None:
        self._left = total
        self._total = total
        self._per_client = per_client
        self._taken: dict[str, int] = {}

    @contextmanager
    def take(self, client: str) -> Iterator[None]:
        """A place for a connection of ``client``, as long as the context lasts.

        Raises:
            Busy: there is none left.
        """
        taken = self._taken.get(client, 0)
        if not self._left:
            raise Busy(f"{self._total} WebSockets are open, the limit here", retry_after=_RETRY_SEC)
        if taken >= self._per_client:
            raise Busy(
                f"you have {self._per_client} open WebSockets, the limit here; calls can share one",
                retry_after=_RETRY_SEC,
            )
        self._left -= 1
        self._taken[client] = taken + 1
        try:
            yield
        finally:
            self._left += 1
            self._taken[client] -= 1
            if not self._taken[client]:
                del self._taken[client]


def _limits(settings: Settings) -> Limits:
    return Limits(
        max_bytes=settings.max_body_bytes,
        message_sec=settings.body_timeout_sec,
        ping_sec=settings.socket_ping_sec,
        pong_sec=settings.socket_ping_sec,
        write_sec=settings.socket_write_timeout_sec,
    )
