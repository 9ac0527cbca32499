"""What is said on one WebSocket: one JSON-RPC message a text frame, both ways.

A request's method is a tool's name, as for ``POST /mcp/tools/call``, or one of MCP's. A request
with a protocol version in ``_meta`` stands alone (2026-07-28); the others belong to the
connection's session, which ``initialize`` sets up. Requests are served at the same time and
answered as they are done. What a client still waits for is cancelled when it goes away.
"""

import asyncio
import time
from collections.abc import Callable, Mapping
from typing import Any, Protocol

import msgspec

from dynogate.errors import (
    Busy,
    DynogateError,
    InternalError,
    InvalidRequest,
    MethodNotFound,
    Unauthenticated,
)
from dynogate.gateway import Gateway
from dynogate.guards.caller import Caller
from dynogate.mcp.exchange import Request
from dynogate.mcp.listening import concerns, notification_of
from dynogate.mcp.router import Router
from dynogate.mcp.running import Running
from dynogate.mcp.session import Session
from dynogate.telemetry.logs import get_logger, request_id
from dynogate.tools.changes import Change
from dynogate.tools.inputs import Answer, InputRequest
from dynogate.tools.registry import Tool
from dynogate.transports.websocket_protocol import WebSocketProtocol
from dynogate.wire import frames, jsonrpc, mcp
from dynogate.wire.frames import Closing
from dynogate.wire.jsonrpc import NULL_ID
from dynogate.wire.mcp import ASSUMED_VERSION, MODERN, BadMessage, Message, Params

log = get_logger(__name__)

TRANSPORT = "ws"

_MAX_RUNNING = 64
_TRUSTED_SEC = 3.0  # as long as an answer of the store about a key is believed
_KEPT = ("path", "query_string", "client")
_SESSION_METHODS = frozenset({"initialize", "ping"})  # no tool can take these names from MCP


class Register(Protocol):
    """Who knows all open connections."""

    def joined(self, conversation: "Conversation") -> None:
        """One was opened."""

    def left(self, conversation: "Conversation", code: int) -> None:
        """One has ended, with this close code."""


class Conversation:
    """One open WebSocket of one caller; the channel of its session, too.

    Args:
        scope: what the caller was identified by; they are asked again while the connection lasts.

    Attributes:
        share: whose connection it counts as.
    """

    __slots__ = (
        "_caller",
        "_forget",
        "_gateway",
        "_heard_at",
        "_loop",
        "_name",
        "_number",
        "_received",
        "_register",
        "_router",
        "_running",
        "_scope",
        "_sent",
        "_session",
        "_socket",
        "_trusted_until",
        "share",
    )

    def __init__(
        self,
        gateway: Gateway,
        router: Router,
        caller: Caller,
        scope: Mapping[str, Any],
        register: Register,
    ) -> None:
        self._gateway = gateway
        self._router = router
        self.share = caller.share
        self._caller = caller
        self._scope = _shown(scope)
        self._register = register
        self._socket: WebSocketProtocol
        self._loop = asyncio.get_running_loop()
        self._name = request_id.get()
        self._number = 0
        self._running = Running(_MAX_RUNNING)
        self._session: Session | None = None
        self._forget: Callable[[], None] | None = None
        self._heard_at = self._loop.time()
        self._trusted_until = self._heard_at + _TRUSTED_SEC
        self._received = gateway.metrics.messages[("in",)]
        self._sent = gateway.metrics.messages[("out",)]

    # What the connection tells.

    def opened(self, socket: WebSocketProtocol) -> None:
        """From now on the client can be talked to."""
        self._socket = socket
        self._register.joined(self)

    def ended(self, closing: Closing) -> None:
        """The client has gone: nothing goes on for it."""
        if self._forget is not None:
            self._forget()
        self._running.cancel_all()
        self._register.left(self, closing.code)

    # What the register asks for.

    async def wind_up(self) -> None:
        """Wait for the calls that run (no more are taken), and close the connection."""
        while running := [*self._running]:
            await asyncio.wait(running)
        self._socket.close(frames.SERVICE_RESTART, "the server stops")

    async def look_after(self) -> None:
        """Close the connection where nobody uses it, or one who may no more."""
        idle_sec = self._gateway.settings.socket_idle_timeout_sec
        if not len(self._running) and self._loop.time() - self._heard_at >= idle_sec:
            self._socket.close(frames.GOING_AWAY, f"nothing was said for {idle_sec:g} s")
            return
        try:
            await self._identify()
        except Unauthenticated as error:
            self._socket.close(frames.POLICY_VIOLATION, error.message)
        except DynogateError as error:
            log.warning("a credential could not be looked at again", problem=error.message)

    async def _identify(self) -> None:
        """See that the caller may still be here: keys are revoked, and tokens expire."""
        self._caller = await self._gateway.guards.identify(self._scope)
        self._trusted_until = self._loop.time() + _TRUSTED_SEC

    # Channel: how what is being served reaches the client.

    def notify(self, method: str, params: Mapping[str, object]) -> None:
        """Send a notification; left out where too much waits for the client already."""
        self._tell(mcp.notification(method, params))

    async def ask(self, request: InputRequest) -> Answer:
        """Send a request and wait for its answer."""
        assert self._session is not None  # only `initialize` tells what it can be asked
        timeout_sec = self._gateway.settings.client_answer_timeout_sec
        return await self._session.ask(self._tell, request, timeout_sec=timeout_sec)

    def _tell(self, data: bytes) -> None:
        self._sent.inc()
        self._socket.send(data)

    def _hear(self, change: Change) -> None:
        if self._session is not None and concerns(self._session, change):
            self.notify(*notification_of(change))

    # What the client says.

    def received(self, message: bytes) -> None:
        """Answer one message, now or later."""
        self._received.inc()
        self._heard_at = self._loop.time()
        answered_id = NULL_ID
        try:
            read = mcp.read_message(message)
            if isinstance(read, Message):
                answered_id = read.id or NULL_ID
                self._begin(read)
            elif self._session is not None:
                self._session.answered(read)
        except BadMessage as error:
            self._tell(jsonrpc.failure(error.request_id, error))
        except DynogateError as error:
            self._tell(jsonrpc.failure(answered_id, error))

    def _begin(self, message: Message) -> None:
        """Have a message served by a task of its own.

        Raises:
            Busy: the client has too much being served, or the process ends.
            BadMessage: its id is that of a request that is being served.
        """
        if message.method.startswith("notifications/"):
            if message.method == "notifications/cancelled":
                self._running.cancel(message)
            return
        if self._gateway.drain.begun:
            raise Busy("this gateway is shutting down; try again", retry_after=1.0)
        task = self._loop.create_task(self._serve(message, time.monotonic()))
        try:
            self._running.add(message.id, task)
        except InvalidRequest as error:  # the other one's answer will have that id
            task.cancel()
            raise BadMessage(error.message, NULL_ID) from None
        except Busy:
            task.cancel()
            raise

    # What is done for the client.

    async def _serve(self, message: Message, came_at: float) -> None:
        self._number += 1
        request_id.set(f"{self._name}/{self._number}")  # for logs and the audit
        answered_id = message.id or NULL_ID
        try:
            self._gateway.guards.look(came_at)
            if self._loop.time() >= self._trusted_until:
                await self._identify()
            answer = jsonrpc.success(answered_id, await self._result(message))
        except Unauthenticated as error:
            self._socket.close(frames.POLICY_VIOLATION, error.message)
            return
        except DynogateError as error:
            answer = jsonrpc.failure(answered_id, error)
        except Exception:
            log.exception("message could not be served", method=message.method[:80])
            fault = InternalError("a fault in the gateway; its log has the details")
            answer = jsonrpc.failure(answered_id, fault)
        if message.id is not None:
            await self._socket.ready()
            self._running.answered(message.id)
            self._tell(answer)

    async def _result(self, message: Message) -> bytes:
        method = message.method
        if "/" in method or method in _SESSION_METHODS:
            return await self._router.answer(self._request(message))
        tool = self._gateway.registry.get(method)
        if tool is None:
            registry = self._gateway.registry
            raise MethodNotFound(f"no tool is called {method[:200]!r}: {registry.suggest(method)}")
        return await self._call(tool, message)

    def _request(self, message: Message) -> Request:
        if message.check_head().meta.protocol_version is msgspec.UNSET:
            if message.method == "initialize" and self._session is None:
                self._session = Session()
                self._forget = self._gateway.changes.listen(self._hear)
            version = ASSUMED_VERSION if self._session is None else self._session.version
            return Request(message, self._caller, TRANSPORT, version, self, self._session)
        version = mcp.alone_version(message)
        if version != MODERN:
            raise mcp.unsupported(version)
        return Request(message, self._caller, TRANSPORT, MODERN, self)

    async def _call(self, tool: Tool, message: Message) -> bytes:
        arguments, client_id, meta = jsonrpc.named_arguments(message.params)
        if meta is not None:
            message.head = Params(meta=mcp.read_meta(meta))
        request = Request(message, self._caller, TRANSPORT, ASSUMED_VERSION, self)
        return await self._gateway.call(
            tool,
            arguments,
            self._caller,
            TRANSPORT,
            client_id=client_id,
            progress=request.progress(),
            parent=message.head.meta.trace_parent(),
        )


def _shown(scope: Mapping[str, Any]) -> dict[str, Any]:
    """What of an ASGI scope says who is there; what was the handshake's only need not be kept."""
    headers = [header for header in scope["headers"] if not header[0].startswith(b"sec-websocket")]
    return {"headers": headers, **{name: scope[name] for name in _KEPT}}
