"""What is said on one WebSocket: one JSON-RPC message a text frame, both ways.

A request's method is a tool's name, as for ``POST /mcp/tools/call``, or one of MCP's. A request
with a protocol version in ``_meta`` stands alone (2026-07-28); the others belong to the
connection's session, which ``initialize`` sets up. Requests are served at the same time and
answered as they are done. What a client still waits for is cancelled when it goes away.
"""

import asyncio
import contextlib
from collections.abc import Awaitable, Callable, Coroutine, Mapping, MutableMapping
from typing import Any

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
from dynogate.mcp.session import Session
from dynogate.telemetry.logs import get_logger
from dynogate.tools.changes import Change
from dynogate.tools.inputs import Answer, InputRequest
from dynogate.tools.registry import Tool
from dynogate.transports.responses import Send
from dynogate.wire import frames, jsonrpc, mcp
from dynogate.wire.jsonrpc import NULL_ID
from dynogate.wire.mcp import MODERN, BadMessage, Message, Params, Reply

log = get_logger(__name__)

TRANSPORT = "ws"

_MAX_NOTICES = 64  # what is told besides answers, and waits for a slow reader
_MAX_UNASKED = 16  # calls without an id
_TRUSTED_SEC = 3.0  # as long as an answer of the store about a key is believed
_ASK_SEC = 300.0  # a person may have to answer
_SESSION_METHODS = frozenset({"initialize", "ping"})  # no tool can take these names from MCP


class Conversation:
    """One open WebSocket of one caller; the channel of its session, too.

    Args:
        scope: what the caller was identified by; they are asked again while the connection lasts.
    """

    __slots__ = (
        "_caller",
        "_chores",
        "_gateway",
        "_heard_at",
        "_initialized",
        "_loop",
        "_notices",
        "_receive",
        "_received",
        "_router",
        "_scope",
        "_send",
        "_sent",
        "_session",
        "_trusted_until",
    )

    def __init__(
        self,
        gateway: Gateway,
        router: Router,
        caller: Caller,
        scope: Mapping[str, Any],
        receive: Callable[[], Awaitable[MutableMapping[str, Any]]],
        send: Send,
    ) -> None:
        self._gateway = gateway
        self._router = router
        self._caller = caller
        self._scope = scope
        self._receive = receive
        self._send = send
        self._loop = asyncio.get_running_loop()
        self._session = Session()
        self._initialized = False
        self._notices: set[asyncio.Task[None]] = set()
        self._chores: set[asyncio.Task[None]] = set()
        self._heard_at = self._loop.time()
        self._trusted_until = self._heard_at + _TRUSTED_SEC
        self._received = gateway.metrics.messages[("in",)]
        self._sent = gateway.metrics.messages[("out",)]

    async def hold(self) -> int:
        """Take part until the connection ends; the code it was closed with."""
        forget = self._gateway.changes.listen(self._hear)
        try:
            while True:
                event = await self._receive()
                if event["type"] != "websocket.receive":
                    return int(event["code"])
                await self._take(event.get("text"))
        finally:
            forget()
            tasks = [*self._session.running, *self._chores, *self._notices]
            for task in tasks:
                task.cancel()
            if tasks:
                await asyncio.gather(*tasks, return_exceptions=True)

    def wind_up(self) -> None:
        """Take no more calls, and close the connection when those that run are answered."""
        self._start(self._wind_up(), self._chores)

    def look_after(self) -> None:
        """See whether the connection is still used, and by one who may."""
        self._start(self._look_after(), self._chores)

    # Channel: how what is being served reaches the client.

    def notify(self, method: str, params: Mapping[str, object]) -> None:
        """Send a notification; left out where too much waits for the client already."""
        self._say_soon(mcp.notification(method, params))

    async def ask(self, request: InputRequest) -> Answer:
        """Send a request and wait for its answer."""
        return await self._session.ask(self._say_soon, request, timeout_sec=_ASK_SEC)

    def _hear(self, change: Change) -> None:
        if self._initialized and concerns(self._session, change):
            self.notify(*notification_of(change))

    # What the client says.

    async def _take(self, text: str | None) -> None:
        if text is None:
            await self._close(frames.UNSUPPORTED_DATA, "send text messages, not binary ones")
            return
        self._received.inc()
        self._heard_at = self._loop.time()
        request_id = NULL_ID
        try:
            message = mcp.read_message(text.encode())
            if isinstance(message, Reply):
                self._session.answered(message)
                return
            request_id = message.id or NULL_ID
            if self._heard_at >= self._trusted_until:
                await self._identify()
            self._begin(message)
        except Unauthenticated as error:
            await self._close(frames.POLICY_VIOLATION, error.message)
        except BadMessage as error:
            await self._say(jsonrpc.failure(error.request_id, error))
        except DynogateError as error:
            await self._say(jsonrpc.failure(request_id, error))

    def _begin(self, message: Message) -> None:
        """Have a message served by a task of its own.

        Raises:
            Busy: the client has too much being served, or the process ends.
            BadMessage: its id is that of a request that is being served.
        """
        running = self._session.running
        if message.method == "notifications/cancelled":
            running.cancel(message)
        elif message.method.startswith("notifications/"):
            return
        elif self._gateway.drain.begun:
            raise Busy("this gateway is shutting down; try again", retry_after=1.0)
        elif message.id is None:
            if len(self._chores) < _MAX_UNASKED:
                self._start(self._serve(message), self._chores)
        else:
            task = self._loop.create_task(self._serve(message))
            try:
                running.add(message.id, task)
            except DynogateError as error:
                task.cancel()
                if isinstance(error, InvalidRequest):  # the other one's answer will have that id
                    raise BadMessage(error.message, NULL_ID) from None
                raise

    # What is done for the client.

    async def _serve(self, message: Message) -> None:
        request_id = message.id or NULL_ID
        try:
            answer = jsonrpc.success(request_id, await self._result(message))
        except DynogateError as error:
            answer = jsonrpc.failure(request_id, error)
        except Exception:
            log.exception("message could not be served", method=message.method[:80])
            fault = InternalError("a fault in the gateway; its log has the details")
            answer = jsonrpc.failure(request_id, fault)
        if message.id is not None:
            if self._notices:  # what it was told before comes before
                await asyncio.wait(self._notices)
            await self._say(answer)

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
        if message.read_head().meta.protocol_version is msgspec.UNSET:
            if message.method == "initialize":
                self._initialized = True
            version = self._session.version
            return Request(message, self._caller, TRANSPORT, version, self, self._session)
        version = mcp.alone_version(message)
        if version != MODERN:
            raise mcp.unsupported(version)
        return Request(message, self._caller, TRANSPORT, MODERN, self)

    async def _call(self, tool: Tool, message: Message) -> bytes:
        arguments, client_id, meta = jsonrpc.named_arguments(message.params)
        if meta is not None:
            message.head = Params(meta=mcp.read_meta(meta))
        request = Request(message, self._caller, TRANSPORT, self._session.version, self)
        return await self._gateway.call(
            tool,
            arguments,
            self._caller,
            TRANSPORT,
            client_id=client_id,
            progress=request.progress(),
        )

    # What is told to the client.

    async def _say(self, data: bytes) -> None:
        self._sent.inc()
        with contextlib.suppress(OSError):  # it has gone, and `hold` hears of it
            await self._send({"type": "websocket.send", "text": data.decode()})

    def _say_soon(self, data: bytes) -> None:
        if len(self._notices) < _MAX_NOTICES:
            self._start(self._say(data), self._notices)

    async def _close(self, code: int, reason: str) -> None:
        await self._send({"type": "websocket.close", "code": code, "reason": reason})

    def _start(self, work: Coroutine[Any, Any, None], tasks: set[asyncio.Task[None]]) -> None:
        task = self._loop.create_task(work)
        tasks.add(task)
        task.add_done_callback(tasks.discard)

    # What goes on besides.

    async def _identify(self) -> None:
        """See that the caller may still be here: keys are revoked, and tokens expire."""
        self._caller = await self._gateway.identify(self._scope)
        self._trusted_until = self._loop.time() + _TRUSTED_SEC

    async def _look_after(self) -> None:
        idle_sec = self._gateway.settings.socket_idle_timeout_sec
        if not len(self._session.running) and self._loop.time() - self._heard_at >= idle_sec:
            await self._close(frames.GOING_AWAY, f"nothing was said for {idle_sec:g} s")
            return
        try:
            await self._identify()
        except Unauthenticated as error:
            await self._close(frames.POLICY_VIOLATION, error.message)
        except DynogateError as error:
            log.warning("a credential could not be looked at again", problem=error.message)

    async def _wind_up(self) -> None:
        while under_way := [*self._session.running]:
            await asyncio.wait(under_way)
        await self._close(frames.SERVICE_RESTART, "the server stops")
