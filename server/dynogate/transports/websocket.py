"""``/ws``, and ``/mcp`` by upgrade: who may open a WebSocket, and how many.

The same guards as for HTTP stand before the handshake; what they refuse gets the same HTTP status
and body. What is said on an open connection is in :mod:`dynogate.transports.conversation`.
"""

import asyncio
import resource
from collections.abc import Awaitable, Callable, Coroutine, MutableMapping
from typing import Any

from dynogate.errors import Busy
from dynogate.gateway import Gateway
from dynogate.guards.caller import Caller
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
    """The ASGI application behind ``/ws``; knows the connections of this process."""

    def __init__(self, gateway: Gateway, router: Router) -> None:
        settings = gateway.settings
        self._gateway = gateway
        self._router = router
        self._rules = Rules(_limits(settings))
        self._clients: dict[str, int] = {}
        files, _ = resource.getrlimit(resource.RLIMIT_NOFILE)
        self._most = max(1, min(settings.max_sockets, files // 2))
        self._open = Rounds(min(_LOOK_SEC, settings.socket_idle_timeout_sec / 2), self._look_after)
        self._chores: set[asyncio.Task[None]] = set()
        gateway.drain.tell(self._wind_up)
        gateway.metrics.follow(gateway.metrics.sockets, lambda: len(self._open))

    async def __call__(
        self,
        scope: MutableMapping[str, Any],
        receive: Callable[[], Awaitable[MutableMapping[str, Any]]],
        send: Send,
    ) -> None:
        """Open one connection.

        Raises:
            DynogateError: it may not be opened.
        """
        await receive()  # websocket.connect
        caller = await self._gateway.guards.enter(scope)
        self._check_room(caller)
        conversation = Conversation(self._gateway, self._router, caller, scope, self)
        message = {"type": "websocket.accept", "receiver": conversation, "rules": self._rules}
        if SUBPROTOCOL in scope["subprotocols"]:
            message["subprotocol"] = SUBPROTOCOL
        await send(message)

    def joined(self, conversation: Conversation) -> None:
        """A connection was opened."""
        self._open.add(conversation)
        share = conversation.share
        self._clients[share] = self._clients.get(share, 0) + 1
        self._gateway.drain.enter()

    def left(self, conversation: Conversation, code: int) -> None:
        """One has ended."""
        self._gateway.drain.leave()
        share = conversation.share
        self._clients[share] -= 1
        if not self._clients[share]:
            del self._clients[share]
        self._open.discard(conversation)
        self._gateway.metrics.closes[(str(code if code in frames.KNOWN_CODES else "other"),)].inc()

    def _check_room(self, caller: Caller) -> None:
        settings = self._gateway.settings
        if self._gateway.drain.begun:
            raise Busy("this gateway is shutting down; try again", retry_after=1.0)
        if len(self._open) >= self._most:
            raise Busy(f"{self._most} WebSockets are open, the limit", retry_after=_RETRY_SEC)
        if self._clients.get(caller.share, 0) >= settings.max_sockets_per_client:
            raise Busy(
                f"you have {settings.max_sockets_per_client} WebSockets open, the limit; calls can "
                "share one",
                retry_after=_RETRY_SEC,
            )

    def _wind_up(self) -> None:
        for conversation in self._open:
            self._start(conversation.wind_up())

    def _look_after(self, conversation: Conversation) -> None:
        self._start(conversation.look_after())

    def _start(self, chore: Coroutine[Any, Any, None]) -> None:
        task = asyncio.get_running_loop().create_task(chore)
        self._chores.add(task)
        task.add_done_callback(self._chores.discard)


def _limits(settings: Settings) -> Limits:
    return Limits(
        max_bytes=settings.max_body_bytes,
        message_sec=settings.body_timeout_sec,
        ping_sec=settings.socket_ping_sec,
        pong_sec=settings.socket_ping_sec,
        write_sec=settings.read_timeout_sec,
    )
