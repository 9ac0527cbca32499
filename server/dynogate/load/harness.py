"""Run loads against a target, and bring back what a report needs."""

import math
import os
import sys
from collections.abc import Mapping, Sequence
from contextlib import AsyncExitStack
from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import Literal, Self

import numpy as np

from dynogate.errors import ConfigurationError
from dynogate.load.calls import Call, check_scenario
from dynogate.load.certificate import Certificate, Limits, certify
from dynogate.load.fleet import Fleet
from dynogate.load.generator import MAX_IN_FLIGHT, EngineName, Order, Report
from dynogate.load.handshake import Meeting, meet
from dynogate.load.observe import Observer, Timeline
from dynogate.load.samples import Samples
from dynogate.load.schedules import MAX_CALLS, Times
from dynogate.load.targets import Target

Choice = Literal["auto", "aiohttp", "fast"]

AIOHTTP_RATE = 1500.0
"""Calls a second up to which aiohttp is on time: about a quarter of what it can do on a core."""
_RATE_OF_A_PROCESS: Mapping[EngineName, float] = {
    "aiohttp": 1500.0,
    "fast": 12_000.0,
    "ws": 6_000.0,
}


@dataclass(frozen=True, slots=True)
class Options:
    """How loads are made.

    Attributes:
        engine: aiohttp or fast over HTTP; auto takes fast where aiohttp could not be on time.
        processes: generators; None for as many as the rate needs and the machine has cores.
        max_in_flight: calls of an open loop without an answer; more are dropped.
        connections: WebSockets of an open loop; a closed one has one a user.
        pid: of the server, if it is on this machine.
        limits: of the certificate.
        max_calls: of all runs of a harness together.
        max_rate: calls a second that the users of a closed loop make at most; None for no limit.
    """

    engine: Choice = "auto"
    processes: int | None = None
    max_in_flight: int = MAX_IN_FLIGHT
    connections: int = 8
    pid: int | None = None
    limits: Limits = field(default_factory=Limits)
    max_calls: int = sys.maxsize
    max_rate: float | None = None

    def __post_init__(self) -> None:
        for name in ("processes", "max_in_flight", "connections", "max_calls"):
            value = getattr(self, name)
            if value is not None and value < 1:
                raise ConfigurationError(f"{name} must be at least 1, not {value}")


class Interrupted(Exception):
    """A run was stopped, or could not start: by hand, or because the calls are used up."""


@dataclass(frozen=True, slots=True, eq=False)
class Run:
    """One load, and what came of it.

    Attributes:
        samples: the calls.
        certificate: whether the generator did what it had to.
        complaints: what was wrong with replies, in words, and how often.
        timeline: the server meanwhile.
        engine: what sent.
        processes: how many of them.
        started: when, in UTC.
    """

    samples: Samples
    certificate: Certificate
    complaints: Mapping[str, int]
    timeline: Timeline
    engine: EngineName
    processes: int
    started: datetime


class Harness:
    """Loads one target; an async context manager that meets it first.

    Args:
        target: where to.
        calls: what, by weight; default: the cheapest read-only tool that the server lists.
        options: how.
        report: is told twice a second how a run stands.

    Attributes:
        meeting: what the server said of itself.
        calls: what is called.
        options: how.
        stopped: there are to be no more runs.
        spent: a run was cut short, or not begun, because no calls were left.

    Raises:
        GatewayUnreachable: on entering: there is no server.
        ConfigurationError: the calls cannot be drawn from, or there is no process to watch.
    """

    meeting: Meeting

    def __init__(
        self,
        target: Target,
        calls: Sequence[Call] = (),
        options: Options | None = None,
        report: Report | None = None,
    ) -> None:
        if calls:
            check_scenario(calls)
        self.calls = tuple(calls)
        self._target = target
        self.options = options or Options()
        self._report = report
        self._stack = AsyncExitStack()
        self._fleet = Fleet()
        self.stopped = False
        self.spent = False
        self._left = self.options.max_calls

    async def __aenter__(self) -> Self:
        self.meeting = await meet(self._target)
        self.calls = self.calls or (self.meeting.default_call(),)
        await self._stack.enter_async_context(self._fleet)
        return self

    async def __aexit__(self, *_: object) -> None:
        await self._stack.aclose()

    async def open_loop(self, times: Times, duration: float, limits: Limits | None = None) -> Run:
        """Send at these times, whatever the server does.

        Args:
            times: of ``dynogate.load.schedules``.
            duration: of the schedule, in seconds.
            limits: of the certificate, other than those of the options.

        Raises:
            Interrupted: there are fewer calls left than it has.
        """
        if times.size == 0:
            raise ConfigurationError("a schedule needs at least one call")
        if times.size > self._left:
            self.spent = self.stopped = True
            raise Interrupted
        rate = times.size / duration
        return await self._run(self._order(rate, duration, 0), times, rate, limits)

    async def closed_loop(
        self, users: int, *, duration: float | None = None, calls: int | None = None
    ) -> Run:
        """Let ``users`` callers call, each again as soon as it was answered.

        It ends earlier where there are no calls left.

        Args:
            users: how many.
            duration: seconds after which nobody calls again.
            calls: calls after which nobody calls again; one of the two is needed. No run makes
                more than ``schedules.MAX_CALLS``.

        Raises:
            Interrupted: there are no calls left.
        """
        _check_closed(users, duration, calls)
        wanted = calls or MAX_CALLS
        most = min(wanted, self._left)
        if most == 0:
            self.spent = self.stopped = True
            raise Interrupted
        rate = min(users / max(self.meeting.round_trip, 1e-4), self.options.max_rate or math.inf)
        run = await self._run(self._order(rate, duration, users, most), np.zeros(0), rate)
        if len(run.samples) == most < wanted:
            self.spent = self.stopped = True
        return run

    def stop(self) -> None:
        """End the run now, with what there is; later runs do not start."""
        self.stopped = True
        self._fleet.stop()

    @property
    def worker_pids(self) -> tuple[int, ...]:
        """The generator processes, for who wants to watch them."""
        return self._fleet.pids

    @property
    def start(self) -> float:
        """When the last run started, on the clock of ``time.perf_counter``; 0 before the first."""
        return self._fleet.start

    def _order(
        self, rate: float, duration: float | None, users: int, calls: int = MAX_CALLS
    ) -> Order:
        options = self.options
        return Order(
            target=self.meeting.target,
            calls=self.calls,
            engine=choose_engine(self._target, options.engine, rate),
            duration=duration,
            users=users,
            max_calls=calls,
            max_rate=options.max_rate,
            max_in_flight=options.max_in_flight,
            connections=options.connections,
        )

    async def _run(
        self, order: Order, times: Times, rate: float, limits: Limits | None = None
    ) -> Run:
        processes = self.options.processes or processes_for(order.engine, rate)
        started = datetime.now(UTC)
        async with Observer(self._target, self.options.pid) as observer:
            take = await self._fleet.run(order, times, processes, self._report)
        self._left -= len(take.samples)
        return Run(
            samples=take.samples,
            certificate=certify(
                take.samples, take.lags.tolist(), take.cpu_share, limits or self.options.limits
            ),
            complaints=take.complaints,
            timeline=observer.timeline(self._fleet.start),
            engine=order.engine,
            processes=processes,
            started=started,
        )


def choose_engine(target: Target, choice: Choice, rate: float) -> EngineName:
    """What sends ``rate`` calls a second to ``target``."""
    if target.transport == "ws":
        return "ws"
    if choice == "auto":
        return "fast" if rate > AIOHTTP_RATE else "aiohttp"
    return choice


def processes_for(engine: EngineName, rate: float) -> int:
    """How many processes make ``rate`` calls a second on time, on this machine."""
    cores = len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count()
    return max(1, min(math.ceil(rate / _RATE_OF_A_PROCESS[engine]), cores or 1))


def _check_closed(users: int, duration: float | None, calls: int | None) -> None:
    if users < 1:
        raise ConfigurationError(f"a closed loop needs at least one user, not {users}")
    if duration is None and calls is None:
        raise ConfigurationError("a closed loop needs a duration or a number of calls")
    if duration is not None and not (math.isfinite(duration) and duration > 0):
        raise ConfigurationError(f"a duration of {duration} s cannot be: must be over 0")
    if calls is not None and not 1 <= calls <= MAX_CALLS:
        raise ConfigurationError(f"a run makes 1 to {MAX_CALLS:,} calls, not {calls}")
