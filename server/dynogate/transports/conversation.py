"""What is said on one WebSocket: one JSON-RPC message a text frame, both ways.

A request's method is a tool's name, as for ``POST /mcp/tools/call``, or one of MCP's. A request
with a protocol version in ``_meta`` stands alone (2026-07-28); the others belong to the
connection's session, which ``initialize`` sets up. Requests are served at the same time and
answered as they are done; what a client still waits for is cancelled when it goes away.
"""

import asyncio
import contextlib
from collections.abc import Awaitable, Callable, Coroutine, Mapping, MutableMapping
from typing import Any

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
from dynogate.telemetry.logs import get_logger
from dynogate.tools.registry import Tool
from dynogate.transports.responses import Send
from dynogate.transports.websocket_protocol import SHUTDOWN
from dynogate.wire import frames, jsonrpc, mcp
from dynogate.wire.jsonrpc import NULL_ID
from dynogate.wire.mcp import BadMessage, Message, Reply

log = get_logger(__name__)

TRANSPORT = "websocket"

_MAX_RUNNING = 64
_MAX_NOTICES = 64  # what is told besides answers, and waits for a slow reader
_TRUSTED_SEC = 3.0  # as long as an answer of the store about a key is believed
_LOOK_SEC = 30.0


class Conversation:
    """One open WebSocket of one caller.

    Args:
        scope: what the caller was identified by; they are asked again while the connection lasts.
    """

    def __init__(
        self,
        gateway: Gateway,
        caller: Caller,
        scope: Mapping[str, Any],
        receive: Callable[[], Awaitable[MutableMapping[str, Any]]],
        send: Send,
    ) -> None:
        self._gateway = gateway
        self._caller = caller
        self._scope = scope
        self._receive = receive
        self._send = send
        self._loop = asyncio.get_running_loop()
        self._running: dict[str | int, asyncio.Task[None]] = {}
        self._others: set[asyncio.Task[None]] = set()
        self._notices: set[asyncio.Task[None]] = set()
        self._stopping = False
        self._heard = self._loop.time()
        self._trusted_until = self._heard + _TRUSTED_SEC
        self._received = gateway.metrics.messages[("in",)]
        self._sent = gateway.metrics.messages[("out",)]

    async def hold(self) -> int:
        """Take part until the connection ends; the code it was closed with."""
        self._look_soon()
        try:
            while True:
                event = await self._receive()
                if event["type"] == "websocket.receive":
                    await self._take(event.get("text"))
                elif event["type"] == SHUTDOWN:
                    self._start(self._finish(), self._others)
                else:
                    return int(event["code"])
        finally:
            self._timer.cancel()
            ending = [*self._running.values(), *self._others, *self._notices]
            for task in ending:
                task.cancel()
            await asyncio.gather(*ending, return_exceptions=True)

    # What the client says.

    async def _take(self, text: str | None) -> None:
        if text is None:
            await self._close(frames.UNSUPPORTED_DATA, "send text messages, not binary ones")
            return
        self._received.inc()
        self._heard = self._loop.time()
        request_id = NULL_ID
        try:
            message = mcp.read_message(text.encode())
            if isinstance(message, Reply):
                return
            request_id = message.id or NULL_ID
            if self._heard >= self._trusted_until:
                await self._identify()
            self._begin(message)
        except Unauthenticated as error:
            await self._close(frames.POLICY_VIOLATION, error.message)
        except BadMessage as error:
            await self._say(jsonrpc.failure(error.request_id, error))
        except DynogateError as error:
            await self._say(jsonrpc.failure(request_id, error))

    def _begin(self, message: Message) -> None:
        """Serve a message in a task of its own.

        Raises:
            Busy: there are too many, or the server stops.
            InvalidRequest: its id is that of another one.
        """
        if message.method.startswith("notifications/"):
            if message.method == "notifications/cancelled":
                self._cancel(message)
            return
        if self._stopping or self._gateway.draining:
            raise Busy("this gateway is shutting down", retry_after=1.0)
        if len(self._running) + len(self._others) >= _MAX_RUNNING:
            raise Busy(f"{_MAX_RUNNING} calls of this connection are being served", retry_after=1.0)
        if message.id is None:
            self._start(self._serve(message), self._others)
            return
        key = mcp.read_id(message.id)
        if key in self._running:
            raise InvalidRequest("another request with this id is being served")
        task = self._running[key] = self._loop.create_task(self._serve(message))
        task.add_done_callback(lambda _: self._running.pop(key, None))

    def _cancel(self, message: Message) -> None:
        key = mcp.cancelled_id(message.params)
        if key is not None and key in self._running:
            self._running[key].cancel()

    # What is done for the client.

    async def _serve(self, message: Message) -> None:
        request_id = message.id or NULL_ID
        try:
            answer = jsonrpc.success(request_id, await self._result(message))
        except DynogateError as error:
            answer = jsonrpc.failure(request_id, error)
        except Exception:
            log.exception("a message could not be served", method=message.method[:80])
            answer = jsonrpc.failure(
                request_id, InternalError("a fault in the gateway; its log has the details")
            )
        if message.id is None:
            return
        if self._notices:  # what it was told before comes before
            await asyncio.wait(self._notices)
        await self._say(answer)

    async def _result(self, message: Message) -> bytes:
        tool = self._gateway.registry.get(message.method)
        if tool is None:
            raise MethodNotFound(f"no tool is called {message.method[:200]!r}")
        return await self._call(tool, message)

    async def _call(self, tool: Tool, message: Message) -> bytes:
        arguments, client_id, _ = jsonrpc.named_arguments(message.params)
        return await self._gateway.call(
            tool, arguments, self._caller, TRANSPORT, client_id=client_id
        )

    # What is told to the client.

    async def _say(self, data: bytes) -> None:
        self._sent.inc()
        with contextlib.suppress(OSError):  # it has gone; the loop hears of it
            await self._send({"type": "websocket.send", "text": data.decode()})

    def _say_soon(self, data: bytes) -> None:
        """Send without waiting; left out where too much waits already."""
        if len(self._notices) < _MAX_NOTICES:
            self._start(self._say(data), self._notices)

    async def _close(self, code: int, reason: str) -> None:
        with contextlib.suppress(OSError):
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

    def _look_soon(self) -> None:
        idle_sec = self._gateway.settings.socket_idle_timeout_sec
        self._timer = self._loop.call_later(min(idle_sec, _LOOK_SEC), self._look)

    def _look(self) -> None:
        self._start(self._look_after(), self._others)
        self._look_soon()

    async def _look_after(self) -> None:
        idle_sec = self._gateway.settings.socket_idle_timeout_sec
        if not self._running and self._loop.time() - self._heard >= idle_sec:
            await self._close(frames.GOING_AWAY, f"nothing was said for {idle_sec:g} s")
            return
        try:
            await self._identify()
        except Unauthenticated as error:
            await self._close(frames.POLICY_VIOLATION, error.message)
        except DynogateError as error:
            log.warning("could not look at a credential again", problem=error.message)

    async def _finish(self) -> None:
        """Let what runs come to its end, and close."""
        self._stopping = True
        while self._running:
            await asyncio.wait(self._running.values())
        await self._close(frames.SERVICE_RESTART, "the server stops")
