"""The engine for high rates: HTTP/1.1 on asyncio's protocols, one request a connection at a time.

A reply is judged as by the other engines. What makes it fast: the request is two byte strings and
an id, nothing is parsed twice, there is no task and no future for a call.
"""

import asyncio
import ssl
from collections.abc import Callable, Coroutine
from time import perf_counter
from typing import Any, TypeVar

from dynogate.load.calls import FIRST_ID, Prepared
from dynogate.load.engines.base import Engine, lost
from dynogate.load.engines.http1 import (
    MAX_BODY,
    MAX_HEAD,
    UNTIL_CLOSE,
    Head,
    MalformedResponse,
    Template,
    parse_head,
    template,
    unchunk,
)
from dynogate.load.replies import GOOD, Verdict, judge
from dynogate.load.samples import Outcome
from dynogate.load.targets import Target

IDLE_LIMIT = 2.0
"""Seconds after which an unused connection is closed: most servers do so a little later, and a
request that crosses with that close would look like a fault of theirs."""

_LEARN_EVERY = 32
_P = TypeVar("_P", bound=asyncio.Protocol)

_TIMED_OUT = Verdict(Outcome.TIMEOUT, "no complete answer in time")
_NO_HEAD = Head(0, 0, False, False, 0.0)


class FastEngine(Engine):
    """Own HTTP/1.1, no pipelining.

    Args:
        target: where to.
        calls: the kinds of calls, ready to be sent.
    """

    def __init__(self, target: Target, calls: tuple[Prepared, ...]) -> None:
        self._target = target
        self.templates: tuple[Template, ...] = tuple(template(target, call) for call in calls)
        self.free: list[_Connection] = []
        self.connections: set[_Connection] = set()
        self.last_head = b""
        self.last = _NO_HEAD
        self.good = (b"", b"")
        self._misses = 0
        self._opening: dict[int, asyncio.Task[None]] = {}
        self._loop = asyncio.get_running_loop()
        self._tls = target.tls_context()
        self._address = (target.addresses or (target.hostname,))[0], target.port
        self._next_sweep = 0.0

    async def open(self) -> None:
        """Find the address that answers; connections are opened when they are needed."""
        for host in self._target.addresses or (self._target.hostname,):
            try:
                probe, _ = await self._connect(asyncio.Protocol, (host, self._target.port))
            except (OSError, ssl.SSLError, UnicodeError):
                continue  # where none answers, every call will say so
            self._address = probe.get_extra_info("peername")[:2]
            probe.abort()
            return

    def _connect(
        self, protocol: Callable[[], _P], address: tuple[str, int]
    ) -> Coroutine[Any, Any, tuple[asyncio.Transport, _P]]:
        return self._loop.create_connection(
            protocol,
            *address,
            ssl=self._tls,
            server_hostname=self._target.hostname if self._tls else None,
        )

    def send(self, index: int) -> None:
        """Over a free connection, or a new one."""
        while self.free:
            connection = self.free.pop()
            if connection.usable:
                connection.send(index)
                return
        self._opening[index] = self._loop.create_task(self._send_on_new(index))

    async def _send_on_new(self, index: int) -> None:
        try:
            _, connection = await self._connect(lambda: _Connection(self), self._address)
        except asyncio.CancelledError:
            self._opening.pop(index, None)
            raise
        except (OSError, ssl.SSLError, UnicodeError) as error:
            del self._opening[index]
            self.finish(index, lost(error))
            return
        del self._opening[index]
        connection.send(index)

    def finish(self, index: int, verdict: Verdict) -> None:
        """Tell the driver, and send what it wants next."""
        following = self.driver.ended(index, verdict)
        if following >= 0:
            self.send(following)

    def learn(self, reply: bytes, index: int) -> None:
        """Remember a good reply: one with the same bytes but for the id is as good.

        Only now and then, because the replies of some servers are never the same twice.
        """
        self._misses += 1
        if self._misses % _LEARN_EVERY == 1:
            before, found, after = reply.partition(b"%d" % (FIRST_ID + index))
            self.good = (before, after) if found else (b"", b"")

    def expire(self, before: float) -> None:
        """End the calls sent before then, and close connections that nobody used for long."""
        sent = self.driver.book.sent
        for connection in list(self.connections):
            index = connection.index
            if index >= 0 and sent[index] < before:
                connection.fail(_TIMED_OUT)
        for index, task in list(self._opening.items()):
            if sent[index] < before:
                task.cancel()
                del self._opening[index]
                self.finish(index, Verdict(Outcome.TIMEOUT, "no connection in time"))
        now = perf_counter()
        if now >= self._next_sweep:
            self._next_sweep = now + 0.5
            self._close_idle(now - IDLE_LIMIT)

    def _close_idle(self, before: float) -> None:
        finished = self.driver.book.finished
        for connection in self.free:
            if finished[connection.last] < before:
                connection.drop()
        self.free = [connection for connection in self.free if connection.usable]

    async def close(self) -> None:
        """Close all connections."""
        for task in self._opening.values():
            task.cancel()
        await asyncio.gather(*self._opening.values(), return_exceptions=True)
        for connection in list(self.connections):
            connection.index = -1
            connection.drop()


class _Connection(asyncio.Protocol):
    """One connection, with one call in flight at most.

    Attributes:
        index: the call in flight, or -1.
        last: the call before.
        usable: it can be sent on.
    """

    __slots__ = ("_data", "_engine", "_need", "_write", "index", "last", "transport", "usable")
    transport: asyncio.Transport

    def __init__(self, engine: FastEngine) -> None:
        self._engine = engine
        self._data = bytearray()
        self._need = 0
        self.index = -1
        self.last = -1
        self.usable = True

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self.transport = transport  # type: ignore[assignment]  # of a stream
        self._write = self.transport.write
        self._engine.connections.add(self)

    def send(self, index: int) -> None:
        engine = self._engine
        templates = engine.templates
        kind = engine.driver.book.kind(index) if len(templates) > 1 else 0
        request = templates[kind]
        self.index = index
        self._write(b"%b%d%b" % (request.before, FIRST_ID + index, request.after))

    def data_received(self, data: bytes) -> None:
        if self._data:
            self._data += data
            if len(self._data) < self._need:
                return
            data = bytes(self._data)
        index = self.index
        good = self._engine.good
        if data == b"%b%d%b" % (good[0], FIRST_ID + index, good[1]) and index >= 0:
            self._done(index, GOOD)
            return
        if index < 0:  # nobody asked
            self.drop()
            return
        end = data.find(b"\r\n\r\n")
        try:
            head = self._head(data, end)
            body = self._body(head, data, end + 4) if head is not None else None
        except MalformedResponse as error:
            self.fail(Verdict(Outcome.BAD_REPLY, str(error)))
            return
        if head is None or body is None:
            if not self._data:
                self._data += data
            return
        self._complete(index, head, body, data)

    def _complete(self, index: int, head: Head, body: bytes, data: bytes) -> None:
        engine = self._engine
        verdict = judge(head.status, body, FIRST_ID + index, events=head.events)
        if head.retry_after:
            verdict = verdict._replace(retry_after=head.retry_after)
        if not head.keep_alive:
            self.index = -1
            self.drop()
            engine.finish(index, verdict)
            return
        if verdict is GOOD:
            engine.learn(data, index)
        self._done(index, verdict)

    def _done(self, index: int, verdict: Verdict) -> None:
        """Go on with the next call, over the same connection."""
        if self._data:
            self._data.clear()
            self._need = 0
        self.last = index
        self.index = -1
        following = self._engine.driver.ended(index, verdict)
        if following >= 0:
            self.send(following)
        else:
            self._engine.free.append(self)

    def _head(self, data: bytes, end: int) -> Head | None:
        """The response's head, or None where it is not all there."""
        if end < 0:
            if len(data) > MAX_HEAD:
                raise MalformedResponse("a head without end")
            if data[:5] != b"HTTP/"[: len(data)]:
                raise MalformedResponse(f"not HTTP/1.1: {data[:60]!r}")
            return None
        engine, text = self._engine, data[:end]
        if text != engine.last_head:
            engine.last = parse_head(text)
            engine.last_head = text
        return engine.last

    def _body(self, head: Head, data: bytes, at: int) -> bytes | None:
        """The response's body, or None where it is not all there."""
        if head.length >= 0:
            if len(data) - at < head.length:
                self._need = at + head.length
                return None
            if len(data) - at > head.length:
                raise MalformedResponse("more bytes than the response has")
            return data[at:]
        if len(data) > MAX_BODY:
            raise MalformedResponse(f"a body of more than {MAX_BODY} bytes")
        if head.length == UNTIL_CLOSE or data[-4:] != b"\r\n\r\n":
            return None
        done = unchunk(data[at:])
        return done[0] if done is not None else None

    def eof_received(self) -> None:
        """A body without a length ends here."""
        data = bytes(self._data)
        end = data.find(b"\r\n\r\n")
        if self.index >= 0 and end >= 0:
            head = parse_head(data[:end])  # it was parsed before without complaint
            if head.length == UNTIL_CLOSE:
                self._data.clear()
                self._complete(self.index, head, data[end + 4 :], data)

    def connection_lost(self, exc: Exception | None) -> None:
        self.usable = False
        self._engine.connections.discard(self)
        if self.index >= 0:
            at = "in the middle of" if self._data else "instead of"
            why = f"connection {'reset' if exc else 'closed'} {at} the answer"
            outcome = Outcome.BAD_REPLY if self._data else Outcome.CONNECTION
            self.fail(Verdict(outcome, why))

    def fail(self, verdict: Verdict) -> None:
        """End the call in flight badly; the connection is of no more use."""
        index, self.index = self.index, -1
        self.drop()
        self._engine.finish(index, verdict)

    def drop(self) -> None:
        """Close, and never use again."""
        self.usable = False
        self._engine.connections.discard(self)
        self.transport.abort()
