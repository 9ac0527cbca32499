"""A load client that costs less than any server: one asyncio protocol a connection, by hand.

Each connection sends its request again as soon as the last one was answered (a closed loop), so
the server is kept busy; every answer's status and result is checked.
"""

import asyncio
import time
from dataclasses import dataclass
from typing import cast
from urllib.parse import urlsplit

import uvloop

from benchmarks.gateway.messages import is_result

CONNECTIONS = 16
_ANSWER_LIMIT_SEC = 30.0


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

    def __init__(self, request: bytes) -> None:
        self.calls = 0
        self.ended: asyncio.Future[None] = asyncio.get_running_loop().create_future()
        self.stopping = False
        self._request = request
        self._buffer = b""
        self._transport: asyncio.WriteTransport

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        """Send the first request."""
        transport = cast(asyncio.WriteTransport, transport)  # uvloop's is no subclass of it
        self._transport = transport
        transport.write(self._request)

    def data_received(self, data: bytes) -> None:
        """Check the answer where it is whole, and send the next request."""
        answer = self._buffer + data if self._buffer else data
        body_at = _body_of_whole(answer)
        if body_at is None:
            self._buffer = answer
            return
        self._buffer = b""
        if not answer.startswith(b"HTTP/1.1 200") or not is_result(answer[body_at:]):
            self._end(RuntimeError(f"a call failed: {answer[:500]!r}"))
            return
        self.calls += 1
        if self.stopping:
            self._end(None)
        else:
            self._transport.write(self._request)

    def connection_lost(self, exc: Exception | None) -> None:
        """A server that hangs up has failed."""
        self._end(exc or RuntimeError("the server closed a connection"))

    def _end(self, error: Exception | None) -> None:
        if not self.ended.done():
            if error is None:
                self.ended.set_result(None)
            else:
                self.ended.set_exception(error)
        self._transport.close()


def _body_of_whole(answer: bytes) -> int | None:
    """Where the body of an answer starts; None while the answer is not all there."""
    end = answer.find(b"\r\n\r\n")
    if end < 0:
        return None
    head = answer[:end].lower()
    at = head.find(b"content-length:")
    if at < 0:  # chunked
        return end + 4 if answer.endswith(b"\r\n0\r\n\r\n") else None
    length = int(head[at + 15 :].split(b"\r\n", 1)[0])
    return end + 4 if len(answer) >= end + 4 + length else None


def measure(url: str, request: bytes, pid: int, *, seconds: float) -> Sample:
    """Keep the server ``pid`` at ``url`` busy for ``seconds``.

    Raises:
        RuntimeError: a call failed.
        OSError: the server could not be reached.
    """
    with asyncio.Runner(loop_factory=uvloop.new_event_loop) as runner:
        return runner.run(_measure(url, request, pid, seconds))


async def _measure(url: str, request: bytes, pid: int, seconds: float) -> Sample:
    loop = asyncio.get_running_loop()
    host, _, port = urlsplit(url).netloc.partition(":")
    opened = [
        await loop.create_connection(lambda: Connection(request), host, int(port))
        for _ in range(CONNECTIONS)
    ]
    connections = [connection for _, connection in opened]
    ends = asyncio.gather(*(connection.ended for connection in connections))
    await _while_calls_go_well(ends, seconds / 5)  # connections and caches are warm after that
    calls, cpu, start = _total(connections), cpu_ns(pid), time.perf_counter()
    await _while_calls_go_well(ends, seconds)
    elapsed, used = time.perf_counter() - start, cpu_ns(pid) - cpu
    calls = _total(connections) - calls
    for connection in connections:
        connection.stopping = True
    await asyncio.wait_for(ends, _ANSWER_LIMIT_SEC)
    if not calls:
        raise RuntimeError(f"no call was answered in {seconds:g} s")
    return Sample(used / 1000 / calls, calls / elapsed)


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
