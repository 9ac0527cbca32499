"""One generator: sends what it is ordered to, in this process, and says how it fared."""

import asyncio
import gc
from collections import Counter
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from time import perf_counter
from typing import Literal

import msgspec
import numpy as np
from numpy.typing import NDArray

from dynogate.load.book import Book
from dynogate.load.calls import Call, Prepared, draw_kinds
from dynogate.load.engines.base import Engine
from dynogate.load.engines.fast import FastEngine
from dynogate.load.engines.http import HttpEngine
from dynogate.load.engines.socket import SocketEngine
from dynogate.load.handshake import prepare_calls
from dynogate.load.loops import ClosedLoop, Loop, OpenLoop
from dynogate.load.samples import Samples
from dynogate.load.targets import Target

EngineName = Literal["aiohttp", "fast", "ws"]
MAX_IN_FLIGHT = 10_000
_KINDS_OF_A_CLOSED_LOOP = 10_007
_REPORT_EVERY = 0.5


class Order(msgspec.Struct, frozen=True):
    """What a generator is to do.

    Attributes:
        target: where to.
        calls: what.
        engine: with what.
        duration: how long the schedule is in seconds; in a closed loop, when to stop, if at all.
        users: callers of a closed loop; 0 for an open one.
        max_calls: of a closed loop; None for no such limit.
        max_rate: calls a second of a closed loop; None for no such limit.
        max_in_flight: of an open loop.
        connections: of the WebSocket engine.
        seed: of the draw of calls.
    """

    target: Target
    calls: tuple[Call, ...]
    engine: EngineName
    duration: float | None
    users: int = 0
    max_calls: int | None = None
    max_rate: float | None = None
    max_in_flight: int = MAX_IN_FLIGHT
    connections: int = 8
    seed: int = 0


class Progress(msgspec.Struct, frozen=True):
    """How a run stands; times in seconds.

    Attributes:
        at: since its start.
        sent: calls so far.
        ended: of these, those that ended.
        bad: of these, those that did not succeed.
        in_flight: calls without an answer yet.
        p50: of the response time of late.
        p99: likewise.
    """

    at: float
    sent: int
    ended: int
    bad: int
    in_flight: int
    p50: float | None
    p99: float | None


@dataclass(frozen=True, slots=True, eq=False)
class Take:
    """What a generator brings home.

    Attributes:
        samples: the calls.
        lags: of its event loop, in seconds.
        cpu_share: of a core, while sending.
        complaints: what was wrong with replies, and how often.
    """

    samples: Samples
    lags: NDArray[np.float64]
    cpu_share: float
    complaints: Counter[str]


Report = Callable[[Progress], None]


class Generator:
    """Carries out one order.

    ``await open()``, then ``await run(start)``; ``stop()`` ends it early with what there is.

    Args:
        order: what to do.
        intended: the schedule of an open loop, in seconds from the start; empty for a closed one.
    """

    def __init__(self, order: Order, intended: NDArray[np.float64]) -> None:
        self._order = order
        self._intended = intended
        self._engine: Engine | None = None
        self._loop: Loop | None = None
        self._seen = 0

    async def open(self) -> None:
        """Shake hands and open what has to be open before the first call.

        Raises:
            GatewayUnreachable: there is no server.
        """
        calls = await prepare_calls(self._order.target, self._order.calls)
        self._engine = self._make_engine(calls)
        self._loop = self._make_loop(self._engine)
        await self._engine.open()
        gc.collect()  # now, for it would make the first sends late

    def _make_engine(self, calls: tuple[Prepared, ...]) -> Engine:
        order = self._order
        if order.engine == "ws":
            return SocketEngine(order.target, calls, order.users or order.connections)
        return (FastEngine if order.engine == "fast" else HttpEngine)(order.target, calls)

    def _make_loop(self, engine: Engine) -> Loop:
        order = self._order
        count = self._intended.size or _KINDS_OF_A_CLOSED_LOOP
        book = Book(self._intended, draw_kinds(order.calls, count, order.seed))
        timeout = order.target.timeout
        if order.users:
            return ClosedLoop(
                book,
                engine,
                timeout,
                users=order.users,
                duration=order.duration,
                calls=order.max_calls,
                max_rate=order.max_rate,
            )
        return OpenLoop(
            book,
            engine,
            timeout,
            max_in_flight=order.max_in_flight,
            duration=order.duration or float(self._intended[-1]),
        )

    async def run(self, start: float | None = None, report: Report | None = None) -> Take:
        """Send, and wait for the last answers.

        Args:
            start: when, on the clock of ``time.perf_counter``; default: now.
            report: is told twice a second how it stands.
        """
        assert self._loop is not None, "open() comes first"
        assert self._engine is not None
        reporter = asyncio.create_task(self._report(report)) if report else None
        try:
            with _quiet_collector():
                await self._loop.run(perf_counter() if start is None else start)
        finally:
            if reporter is not None:
                reporter.cancel()
            await self._engine.close()
        return self._take(self._loop)

    def stop(self) -> None:
        """End the run now."""
        if self._loop is not None:
            self._loop.stop()

    def _take(self, loop: Loop) -> Take:
        order = self._order
        samples = loop.book.samples(
            loop.duration,
            "closed" if order.users else "open",
            order.users,
            [call.tool for call in order.calls],
        )
        lags = np.array(loop.lags)
        share = loop.cpu / loop.duration if loop.duration > 0 else 0.0
        return Take(samples, lags, share, loop.book.complaints)

    async def _report(self, report: Report) -> None:
        while True:
            await asyncio.sleep(_REPORT_EVERY)
            report(self.progress())

    def progress(self) -> Progress:
        """How it stands, with the percentiles since the last time that this was asked."""
        assert self._loop is not None
        now, times = self._loop.snapshot(), self._loop.book.recent(self._seen)
        self._seen = max(now.sent - now.in_flight, 0)
        known = times.p50 == times.p50
        return Progress(
            at=now.at,
            sent=now.sent,
            ended=now.ended,
            bad=now.bad,
            in_flight=now.in_flight,
            p50=times.p50 if known else None,
            p99=times.p99 if known else None,
        )


@contextmanager
def _quiet_collector() -> Iterator[None]:
    """Keep what exists out of garbage collection: a full one stops the generator for long."""
    thresholds = gc.get_threshold()
    gc.freeze()
    gc.set_threshold(50_000, 20, 100)
    try:
        yield
    finally:
        gc.set_threshold(*thresholds)
        gc.unfreeze()
