"""Generators in processes of their own, so that nothing else runs in theirs."""

import asyncio
import os
import sys
import tempfile
from collections import Counter
from collections.abc import Callable, Sequence
from pathlib import Path
from time import perf_counter
from types import TracebackType
from typing import Self, TypeVar

import msgspec
import numpy as np
from numpy.typing import NDArray

from dynogate.errors import GatewayUnreachable
from dynogate.load.generator import Order, Progress, Report, Take
from dynogate.load.samples import Samples
from dynogate.load.worker import Command, Done, Go, News, Prepare, Ready, Standing, Stop, load

_HEAD_START = 0.05
"""Seconds between the word and the start, so that all processes start together."""

Heard = Callable[[int, Progress], None]
N = TypeVar("N", Ready, Done)


class Fleet:
    """Worker processes, started when they are needed; an async context manager.

    Attributes:
        start: when the last run started, on the clock of ``time.perf_counter``.
    """

    def __init__(self) -> None:
        self._workers: list[_Process] = []
        self._folder: tempfile.TemporaryDirectory[str]
        self._in_use = 0
        self._stopped = False
        self.start = 0.0

    async def __aenter__(self) -> Self:
        self._folder = tempfile.TemporaryDirectory(prefix="dynogate-load-")
        return self

    async def __aexit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        at: TracebackType | None,
    ) -> None:
        await asyncio.gather(*(worker.end() for worker in self._workers))
        self._folder.cleanup()

    async def run(
        self,
        order: Order,
        intended: NDArray[np.float64],
        processes: int,
        report: Report | None = None,
    ) -> Take:
        """Share an order out, and bring home what all of them took.

        Args:
            order: for all of them together.
            intended: the schedule of an open loop; empty for a closed one.
            processes: how many; no more than there are users or calls.
            report: is told twice a second how it stands.

        Raises:
            GatewayUnreachable: there is no server.
            RuntimeError: a process died.
        """
        parts = max(1, min(processes, order.users or intended.size))
        self._stopped = False
        while len(self._workers) < parts:
            self._workers.append(await _Process.start())
        self._in_use = parts
        workers = self._workers[:parts]
        orders = [_share(order, part, parts) for part in range(parts)]
        await asyncio.gather(
            *(
                worker.prepare(Prepare(orders[part], self._file(part, intended[part::parts])))
                for part, worker in enumerate(workers)
            )
        )
        start = self.start = perf_counter() + _HEAD_START
        standing: dict[int, Progress] = {}

        def heard(part: int, progress: Progress) -> None:
            standing[part] = progress
            if report is not None and part == 0:
                report(_together(list(standing.values())))

        if self._stopped:
            self.stop()
        takes = await asyncio.gather(
            *(
                worker.go(Go(start, self._path(f"take{part}.npz")), orders[part], part, heard)
                for part, worker in enumerate(workers)
            )
        )
        return _merged(takes)

    @property
    def pids(self) -> tuple[int, ...]:
        """Its processes."""
        return tuple(worker.pid for worker in self._workers)

    def stop(self) -> None:
        """End the run now, with what there is."""
        self._stopped = True
        for worker in self._workers[: self._in_use]:
            worker.say(Stop())

    def _path(self, name: str) -> str:
        return str(Path(self._folder.name) / name)

    def _file(self, part: int, times: NDArray[np.float64]) -> str:
        path = self._path(f"schedule{part}.npy")
        np.save(path, times)
        return path


class _Process:
    """One worker process, and the lines to and from it."""

    def __init__(self, process: asyncio.subprocess.Process) -> None:
        self._process = process
        self.pid = process.pid

    @classmethod
    async def start(cls) -> "_Process":
        process = await asyncio.create_subprocess_exec(
            sys.executable,
            "-m",
            "dynogate.load.worker",
            stdin=asyncio.subprocess.PIPE,
            stdout=asyncio.subprocess.PIPE,
            limit=1 << 24,
            process_group=0,  # Ctrl-C is for the fleet to hear
            # numpy's threads have nothing to do here but to stand in the way
            env={**os.environ, "OPENBLAS_NUM_THREADS": "1", "OMP_NUM_THREADS": "1"},
        )
        return cls(process)

    def say(self, command: Command) -> None:
        assert self._process.stdin is not None
        self._process.stdin.write(msgspec.json.encode(command) + b"\n")

    async def prepare(self, command: Prepare) -> None:
        self.say(command)
        ready = await self._hear(Ready)
        if ready.why_not:
            raise GatewayUnreachable(ready.why_not)

    async def go(self, command: Go, order: Order, part: int, heard: Heard) -> Take:
        self.say(command)
        done = await self._hear(Done, lambda progress: heard(part, progress))
        if done.why_not:
            raise RuntimeError(f"a load generator broke: {done.why_not}")
        return await asyncio.to_thread(load, Path(command.take), order, done)

    async def _hear(self, kind: type[N], heard: Report | None = None) -> N:
        assert self._process.stdout is not None
        while line := await self._process.stdout.readline():
            news = msgspec.json.decode(line, type=News)
            if isinstance(news, kind):
                return news
            if isinstance(news, Standing) and heard is not None:
                heard(news.progress)
        raise RuntimeError(f"a load generator died (exit status {await self._process.wait()})")

    async def end(self) -> None:
        assert self._process.stdin is not None
        self._process.stdin.close()
        try:
            await asyncio.wait_for(self._process.wait(), 10)
        except TimeoutError:
            self._process.kill()
            await self._process.wait()


def _share(order: Order, part: int, parts: int) -> Order:
    """What one of several generators does."""

    def split(number: int) -> int:
        return number // parts + (part < number % parts)

    return msgspec.structs.replace(
        order,
        users=split(order.users),
        max_calls=None if order.max_calls is None else split(order.max_calls),
        max_rate=None if order.max_rate is None else order.max_rate / parts,
        max_in_flight=max(split(order.max_in_flight), 1),
        connections=max(split(order.connections), 1),
        seed=order.seed + part,
    )


def _together(parts: Sequence[Progress]) -> Progress:
    """Sums; of percentiles, the worst."""
    return Progress(
        at=max(part.at for part in parts),
        sent=sum(part.sent for part in parts),
        ended=sum(part.ended for part in parts),
        bad=sum(part.bad for part in parts),
        in_flight=sum(part.in_flight for part in parts),
        p50=max((part.p50 for part in parts if part.p50 is not None), default=None),
        p99=max((part.p99 for part in parts if part.p99 is not None), default=None),
    )


def _merged(takes: Sequence[Take]) -> Take:
    """The takes of generators that ran together, as one."""
    complaints: Counter[str] = Counter()
    for take in takes:
        complaints.update(take.complaints)
    return Take(
        samples=Samples.merged([take.samples for take in takes]),
        lags=np.concatenate([take.lags for take in takes]),
        cpu_share=max(take.cpu_share for take in takes),
        complaints=complaints,
    )
