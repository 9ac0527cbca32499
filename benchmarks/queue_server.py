"""A real server of known capacity: k workers, a service time that scatters, a queue.

``python -m benchmarks.queue_server WORKERS SERVICE SCATTER [WAITING] [--leak BYTES]`` prints its
port and serves JSON-RPC over HTTP until its standard input ends. A call is answered when its worker
would have finished it. When that is, is reckoned ahead of time, so that a late timer of this
process does not add up: the capacity is the workers over the mean service time, whatever the
machine does besides.
"""

import asyncio
import contextlib
import heapq
import json
import math
import random
import re
import subprocess
import sys
from collections.abc import Iterator
from dataclasses import dataclass

from benchmarks._cli import run

LENGTH = re.compile(rb"content-length: *(\d+)", re.IGNORECASE)


class Queue:
    """When the next call would be finished.

    Args:
        workers: calls served at once.
        service: mean service time in seconds.
        scatter: standard deviation of it, as a share.
        waiting: calls that may wait; None for no bound.
    """

    def __init__(self, workers: int, service: float, scatter: float, waiting: int | None) -> None:
        self._free = [0.0] * workers
        self._service, self._waiting = service, waiting
        self._sigma = math.sqrt(math.log1p(scatter**2))
        self._starts: list[float] = []
        self._random = random.Random(1)

    def finish(self, now: float) -> float | None:
        """The time at which a call that comes now is finished; None where it is shed."""
        while self._starts and self._starts[0] <= now:
            heapq.heappop(self._starts)
        start = max(now, self._free[0])
        if start > now and self._waiting is not None and len(self._starts) >= self._waiting:
            return None
        drawn = self._random.lognormvariate(-(self._sigma**2) / 2, self._sigma)
        heapq.heappush(self._starts, start)
        heapq.heapreplace(self._free, start + self._service * drawn)
        return start + self._service * drawn


async def serve(queue: Queue, lost: int) -> None:
    """Serve on a free port of this machine until standard input ends, losing bytes each second."""
    loop = asyncio.get_running_loop()
    leaking = asyncio.create_task(leak(lost))

    async def connected(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        with contextlib.suppress(ConnectionError, asyncio.IncompleteReadError):
            while True:
                head = await reader.readuntil(b"\r\n\r\n")
                length = LENGTH.search(head)
                body = await reader.readexactly(int(length[1]) if length else 0)
                if not head.startswith(b"POST"):  # a look at /metrics must cost no capacity
                    writer.write(b"HTTP/1.1 404 Not Found\r\nContent-Length: 0\r\n\r\n")
                    continue
                finish = queue.finish(loop.time())
                if finish is not None:
                    await asyncio.sleep(finish - loop.time())
                writer.write(_answer(body, shed=finish is None))
                await writer.drain()
        writer.close()

    server = await asyncio.start_server(connected, "127.0.0.1", 0, backlog=4096)
    sys.stdout.write(f"{server.sockets[0].getsockname()[1]}\n")
    sys.stdout.flush()
    await loop.run_in_executor(None, sys.stdin.read)
    leaking.cancel()


def _answer(body: bytes, *, shed: bool) -> bytes:
    number = json.loads(body)["id"]
    result: dict[str, list[object]] = {"content": [], "tools": []}
    answer = json.dumps({"jsonrpc": "2.0", "id": number, "result": result}).encode()
    status = b"503 Service Unavailable" if shed else b"200 OK"
    return b"HTTP/1.1 %b\r\nContent-Type: application/json\r\nContent-Length: %d\r\n\r\n%b" % (
        status,
        len(answer),
        answer,
    )


async def leak(size: int) -> None:
    """Lose ``size`` bytes a second."""
    lost = []
    while True:
        lost.append(b"x" * size)
        await asyncio.sleep(1)


@dataclass(frozen=True, slots=True)
class Running:
    """Such a server in a process of its own."""

    url: str
    pid: int


@contextlib.contextmanager
def running(
    workers: int, service: float, scatter: float, waiting: int | None = None, *, leak: int = 0
) -> Iterator[Running]:
    """Start one, and stop it at the end."""
    words = [str(each) for each in (workers, service, scatter, waiting) if each is not None]
    command = [sys.executable, "-m", "benchmarks.queue_server", *words, "--leak", str(leak)]
    with subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE) as process:
        assert process.stdin is not None
        assert process.stdout is not None
        try:
            url = f"http://127.0.0.1:{int(process.stdout.readline())}"
            yield Running(url, process.pid)
        finally:
            process.stdin.close()


def main(
    workers: int, service: float, scatter: float, waiting: int | None = None, *, leak: int = 0
) -> int:
    """Serve.

    Parameters
    ----------
    workers: Calls served at once.
    service: Mean service time in seconds.
    scatter: Standard deviation of it, as a share.
    waiting: Calls that may wait; default: any number.
    leak: Bytes that are lost each second.
    """
    asyncio.run(serve(Queue(workers, service, scatter, waiting), leak))
    return 0


if __name__ == "__main__":
    run(main)
