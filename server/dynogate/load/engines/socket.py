"""The engine for WebSockets: several calls in flight on each connection."""

import asyncio
from collections.abc import Mapping
from typing import Any

import aiohttp
import msgspec

from dynogate.load.calls import CLIENT, FIRST_ID, LEGACY, Prepared, prepare_method
from dynogate.load.engines.base import Engine
from dynogate.load.engines.http import session_for
from dynogate.load.engines.http1 import MAX_BODY
from dynogate.load.replies import Verdict, judge_message
from dynogate.load.samples import Outcome
from dynogate.load.targets import Target

_RETRY_AFTER = 0.25
_LOST = Verdict(Outcome.CONNECTION, "the WebSocket closed before the answer")
_NONE_OPEN = Verdict(Outcome.CONNECTION, "no WebSocket is open")
_TIMED_OUT = Verdict(Outcome.TIMEOUT, "no answer in time")


Stream = aiohttp.ClientWebSocketResponse[bool]


class _Id(msgspec.Struct):
    id: int | str | None = None
    method: str | None = None


class SocketEngine(Engine):
    """JSON-RPC text frames over ``connections`` WebSockets (subprotocol ``mcp``).

    A connection that is lost ends the calls in flight on it and is opened again; answers come in
    any order.

    Args:
        target: where to.
        calls: the kinds of calls, ready to be sent.
        connections: how many WebSockets.
    """

    def __init__(self, target: Target, calls: tuple[Prepared, ...], connections: int) -> None:
        self._target = target
        self._calls = calls
        self._count = connections
        self._session: aiohttp.ClientSession
        self._open: list[_Socket] = []
        self._tasks: set[asyncio.Task[None]] = set()
        self._turn = 0

    async def open(self) -> None:
        """Open the connections and shake hands; those that fail are tried again meanwhile."""
        self._session = session_for(self._target)
        first = [asyncio.Event() for _ in range(self._count)]
        for tried in first:
            task = asyncio.create_task(self._keep_open(tried))
            self._tasks.add(task)
        await asyncio.gather(*(tried.wait() for tried in first))

    async def _keep_open(self, tried: asyncio.Event) -> None:
        while True:
            try:
                async with connect(self._session, self._target) as stream:
                    await shake_hands(stream, self._target.timeout)
                    await self._serve(stream, tried)
            except (aiohttp.ClientError, OSError, ValueError, TimeoutError):
                pass  # the calls that met this have told it
            tried.set()
            await asyncio.sleep(_RETRY_AFTER)

    async def _serve(self, stream: Stream, tried: asyncio.Event) -> None:
        connection = _Socket(stream, self)
        self._open.append(connection)
        tried.set()
        try:
            await connection.read()
        finally:
            self._open.remove(connection)
            connection.fail_all(_LOST)

    def send(self, index: int) -> None:
        """Over the connection whose turn it is."""
        if not self._open:
            asyncio.get_running_loop().call_soon(self.finish, index, _NONE_OPEN)
            return
        self._turn = (self._turn + 1) % len(self._open)
        self._open[self._turn].send(index, self._calls[self.driver.book.kind(index)])

    def finish(self, index: int, verdict: Verdict) -> None:
        """Tell the driver, and send what it wants next."""
        following = self.driver.ended(index, verdict)
        if following >= 0:
            self.send(following)

    def expire(self, before: float) -> None:
        """End the calls sent before then."""
        sent = self.driver.book.sent
        for connection in list(self._open):
            late = [index for index in connection.waiting if sent[index] < before]
            for index in late:
                connection.waiting.discard(index)
                self.finish(index, _TIMED_OUT)

    async def close(self) -> None:
        """Close all connections."""
        for connection in self._open:
            connection.waiting.clear()
        for task in self._tasks:
            task.cancel()
        await asyncio.gather(*self._tasks, return_exceptions=True)
        await self._session.close()


class _Socket:
    """One open connection, and the calls in flight on it."""

    def __init__(self, stream: Stream, engine: SocketEngine) -> None:
        self.waiting: set[int] = set()
        self._stream = stream
        self._engine = engine
        self._sends: set[asyncio.Task[None]] = set()

    def send(self, index: int, call: Prepared) -> None:
        self.waiting.add(index)
        frame = call.body(FIRST_ID + index)
        task = asyncio.create_task(self._stream.send_frame(frame, aiohttp.WSMsgType.TEXT))
        self._sends.add(task)
        task.add_done_callback(self._sent)

    def _sent(self, task: asyncio.Task[None]) -> None:
        self._sends.discard(task)
        if not task.cancelled():
            task.exception()  # the reader finds the closed connection, too

    async def read(self) -> None:
        """Read answers until the connection ends."""
        async for frame in self._stream:
            if frame.type is aiohttp.WSMsgType.TEXT:
                self._answered(frame.data.encode())

    def _answered(self, message: bytes) -> None:
        try:
            answer = msgspec.json.decode(message, type=_Id)
        except (msgspec.DecodeError, UnicodeDecodeError):
            self._unattributable(message)
            return
        if answer.method is not None:
            return  # progress or a log message
        index = answer.id - FIRST_ID if isinstance(answer.id, int) else -1
        if index not in self.waiting:
            self._unattributable(message)
            return
        self.waiting.discard(index)
        self._engine.finish(index, judge_message(message, FIRST_ID + index))

    def _unattributable(self, message: bytes) -> None:
        """An answer to nothing: where one call waits, it can only be its; else all it spoils."""
        verdict = judge_message(message, -1)
        if len(self.waiting) == 1:
            self._engine.finish(self.waiting.pop(), verdict)
        else:
            self._engine.driver.book.complain(verdict.why)

    def fail_all(self, verdict: Verdict) -> None:
        waiting, self.waiting = self.waiting, set()
        for index in waiting:
            self._engine.finish(index, verdict)


def connect(
    session: aiohttp.ClientSession, target: Target
) -> "aiohttp.client._WSRequestContextManager":
    """Open a WebSocket with the subprotocol ``mcp``."""
    return session.ws_connect(
        target.url,
        protocols=("mcp",),
        max_msg_size=MAX_BODY,
        compress=0,
        timeout=aiohttp.ClientWSTimeout(ws_close=1.0),
    )


async def shake_hands(stream: Stream, seconds: float) -> None:
    """MCP's ``initialize`` and ``notifications/initialized``.

    Raises:
        ValueError: the server closed, or its answer is not JSON-RPC. One that answers with an
            error speaks no MCP here; it may still know tools by their names.
        TimeoutError: no answer in time.
    """
    params = {"protocolVersion": LEGACY, "capabilities": {}, "clientInfo": CLIENT}
    await ask(stream, "initialize", params, seconds)
    await stream.send_str('{"jsonrpc":"2.0","method":"notifications/initialized"}')


async def ask(
    stream: Stream, method: str, params: Mapping[str, Any], seconds: float
) -> dict[str, object]:
    """One request and its answer, where nothing else is in flight.

    Raises:
        ValueError: the server closed, or its answer is not JSON.
        TimeoutError: no answer in time.
    """
    request = prepare_method(method, params, "ws", LEGACY)
    async with asyncio.timeout(seconds):
        await stream.send_str(request.body(FIRST_ID).decode())
        while True:
            frame = await stream.receive()
            if frame.type is not aiohttp.WSMsgType.TEXT:
                raise ValueError(f"the WebSocket gave {frame.type.name} instead of an answer")
            answer = msgspec.json.decode(frame.data, type=dict[str, object])
            if answer.get("id") == FIRST_ID or "error" in answer:
                return answer
