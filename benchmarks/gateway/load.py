"""A load client that costs less than any server: one asyncio protocol a connection, by hand.

Each connection sends its request again as soon as the last one was answered (a closed loop), so
the server is kept busy; every answer's status and result is checked.
"""

import asyncio
import time
from collections.abc import Sequence
from dataclasses import dataclass
from functools import partial
from typing import cast
from urllib.parse import urlsplit

import uvloop

from benchmarks.gateway.messages import Call, is_result

CONNECTIONS = 16
_ANSWER_LIMIT_SEC = 30.0
_FEWEST_CALLS = 2 * CONNECTIONS
_WARM_UP = 0.25  # of the time that is measured


@dataclass(frozen=True, slots=True)
class Sample:
    """What a server did for a while.

    Attributes:
        cpu_us: CPU microseconds of the server's process for each call.
        rate: calls a second.
    """

    cpu_us: float
    rate: float

    @property
    def busy_percent(self) -> float:
        """How busy the server was; well below 100 the client or the machine was too slow."""
        return self.cpu_us * self.rate / 10_000


class Connection(asyncio.Protocol):
    """One kept connection that calls again and again until told to stop."""

    def __init__(self, call: Call) -> None:
        self.calls = 0
        self.ended: asyncio.Future[None] = asyncio.get_running_loop().create_future()
        self.stopping = False
        self._request = call.request
        self._opening = call.opening
        self._answer_end = _frame_end if call.opening else _response_end
        self._buffer = b""
        self._transport: asyncio.WriteTransport

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        """Open, or send the first request."""
        transport = cast(asyncio.WriteTransport, transport)  # uvloop's is no subclass of it
        self._transport = transport
        transport.write(self._opening or self._request)

    def data_received(self, data: bytes) -> None:
        """Check the answer where it is whole, and send the next request."""
        answer = self._buffer + data if self._buffer else data
        if self._opening:
            self._buffer = self._opened(answer)
            return
        end = self._answer_end(answer)
        if end is None:
            self._buffer = answer
            return
        self._buffer = answer[end:]
        if not answer.startswith((b"HTTP/1.1 200", b"\x81")) or not is_result(answer[:end]):
            self.end(RuntimeError(f"a call failed: {answer[:500]!r}"))
            return
        self.calls += 1
        if self.stopping:
            self.end()
        else:
            self._transport.write(self._request)

    def _opened(self, answer: bytes) -> bytes:
        """Send the first request where the connection is open; what was not read yet."""
        head, found, rest = answer.partition(b"\r\n\r\n")
        if not found:
            return answer
        if not head.startswith(b"HTTP/1.1 101"):
            self.end(RuntimeError(f"no connection: {answer[:500]!r}"))
        self._opening = b""
        self._transport.write(self._request)
        return rest

    def connection_lost(self, exc: Exception | None) -> None:
        """A server that hangs up has failed."""
        self.end(exc or RuntimeError("the server closed a connection"))

    def end(self, error: Exception | None = None) -> None:
        """Hang up."""
        if not self.ended.done():
            if error is None:
                self.ended.set_result(None)
            else:
                self.ended.set_exception(error)
        self._transport.close()


def _response_end(answer: bytes) -> int | None:
    """Where an HTTP response ends; None while it is not all there."""
    end = answer.find(b"\r\n\r\n")
    if end < 0:
        return None
    head = answer[:end].lower()
    at = head.find(b"content-length:")
    if at < 0:  # chunked
        return len(answer) if answer.endswith(b"\r\n0\r\n\r\n") else None
    whole = end + 4 + int(head[at + 15 :].split(b"\r\n", 1)[0])
    return whole if len(answer) >= whole else None


def _frame_end(answer: bytes) -> int | None:
    """Where a WebSocket frame of up to 64 KiB ends; None while it is not all there."""
    if len(answer) < 4:
        return None
    length = answer[1]
    whole = 4 + int.from_bytes(answer[2:4], "big") if length == 126 else 2 + length
    return whole if len(answer) >= whole else None


def measure(url: str, calls: Sequence[Call], pid: int, *, seconds: float) -> Sample:
    """Keep the server ``pid`` at ``url`` busy for ``seconds``, longer where it is very slow.

    Args:
        calls: what each connection calls, again and again.

    Raises:
        RuntimeError: a call failed.
        OSError: the server could not be reached.
    """
    with asyncio.Runner(loop_factory=uvloop.new_event_loop) as runner:
        return runner.run(_measure(url, calls, pid, seconds))


async def _measure(url: str, each: Sequence[Call], pid: int, seconds: float) -> Sample:
    connections: list[Connection] = []
    try:
        await _connect(url, each, connections)
        ends = asyncio.gather(*(connection.ended for connection in connections))
        await _while_calls_go_well(ends, seconds * _WARM_UP)
        calls, cpu, start = _total(connections), cpu_ns(pid), time.perf_counter()
        elapsed = 0.0
        while elapsed < seconds or (
            _total(connections) - calls < _FEWEST_CALLS and elapsed < _ANSWER_LIMIT_SEC
        ):
            await _while_calls_go_well(ends, seconds)
            elapsed = time.perf_counter() - start
        used, calls = cpu_ns(pid) - cpu, _total(connections) - calls
        for connection in connections:
            connection.stopping = True
        await asyncio.wait_for(ends, _ANSWER_LIMIT_SEC)
    finally:
        for connection in connections:
            connection.end()
        await asyncio.sleep(0)  # for the sockets to close
    if not calls:
        raise RuntimeError(f"no call was answered in {elapsed:g} s")
    return Sample(used / 1000 / calls, calls / elapsed)


async def _connect(url: str, calls: Sequence[Call], connections: list[Connection]) -> None:
    loop = asyncio.get_running_loop()
    host, _, port = urlsplit(url).netloc.partition(":")
    for call in calls:
        made = loop.create_connection(partial(Connection, call), host, int(port))
        _, connection = await made
        connections.append(connection)


async def _while_calls_go_well(ends: "asyncio.Future[list[None]]", seconds: float) -> None:
    done, _ = await asyncio.wait({ends}, timeout=seconds)
    for ended in done:
        ended.result()


def _total(connections: list[Connection]) -> int:
    return sum(connection.calls for connection in connections)


def cpu_ns(pid: int) -> int:
    """CPU nanoseconds of the whole process, threads that ended included.

    Linux: a process's CPU clock, as clock_getcpuclockid(3) makes it; /proc counts in 10 ms.
    """
    return time.clock_gettime_ns((~pid << 3) | 2)
