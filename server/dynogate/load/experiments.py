"""What one does with a load: keep it for a while, or raise it until something gives."""

from collections.abc import Sequence
from dataclasses import dataclass, replace

import numpy as np

from dynogate.errors import ConfigurationError
from dynogate.load import schedules
from dynogate.load.breaking_point import BreakingPoint, Search, find_breaking_point
from dynogate.load.certificate import Certificate, worst
from dynogate.load.drift import DESCRIPTORS, LATENCY, RSS, Drift, find_drift
from dynogate.load.harness import Harness, Interrupted, Run
from dynogate.load.recovery import recovery_time
from dynogate.load.samples import Samples
from dynogate.load.scalability import Scalability, fit_scalability
from dynogate.load.steps import Rule, Step

_BEFORE, _OVERLOAD, _AFTER = 3.0, 3.0, 10.0
"""Seconds of the recovery's three parts."""
_OVERLOADED, _NORMAL = 1.5, 0.5
"""Their loads, as shares of the knee."""
_FEWEST_CALLS = 20
"""Calls of a step at least: a lower load takes longer."""
_TRIES = 3
"""Times that a step is run whose generator was disturbed, before its outcome is taken."""


@dataclass(frozen=True, slots=True, eq=False)
class RampUp:
    """What raising the load found.

    Attributes:
        steps: every load, in order of time.
        runs: the same, as they were measured.
        rule: when a load counts as held.
        scalability: the universal scalability law over the steps.
        best: the run of the highest load that was held; None where none was.
        breaking_point: of an open loop.
        recovery: seconds from the end of an overload until calls were served as before it; None
            where that was not measured, or the server did not recover.
        interrupted: it was stopped by hand, or the calls were used up.
    """

    steps: tuple[Step, ...]
    runs: tuple[Run, ...]
    rule: Rule
    scalability: Scalability
    best: Run | None
    breaking_point: BreakingPoint | None = None
    recovery: float | None = None
    interrupted: bool = False

    @property
    def certificate(self) -> Certificate:
        """Whether the generator did what it had to, where that decided."""
        return _certificate(self)


async def find_edge(
    harness: Harness, search: Search, rule: Rule, *, step_duration: float, measure_recovery: bool
) -> RampUp:
    """Raise an open loop's rate until ``rule`` breaks, and measure the recovery from there.

    Args:
        harness: of the target.
        search: where to look.
        rule: when a rate counts as held.
        step_duration: seconds of each step.
        measure_recovery: whether to overload the server once more for its recovery.
    """
    schedules.constant(search.limit, step_duration)  # a limit that cannot be is told before
    runs: list[Run] = []
    steps: list[Step] = []

    async def measure(rate: float) -> Step:
        if harness.stopped:
            raise Interrupted
        run, step = await _step(harness, rate, step_duration)
        for _ in range(_TRIES - 1):
            if run.certificate.valid or rule.holds(step):
                break
            run, step = await _step(harness, rate, step_duration)
        runs.append(run)
        steps.append(step)
        return step

    found, recovery = None, None
    try:
        found = await find_breaking_point(measure, rule, search)
        if measure_recovery and found.knee is not None:
            recovery = await _recovery(harness, found.knee)
    except Interrupted:
        pass
    return replace(
        _ramp_up(steps, runs, rule, interrupted=harness.stopped),
        breaking_point=found,
        recovery=recovery,
    )


async def _step(harness: Harness, rate: float, duration: float) -> tuple[Run, Step]:
    duration = max(duration, _FEWEST_CALLS / rate)
    # Beyond the edge as many calls pile up as one allows: that is the server's doing.
    limits = replace(harness.options.limits, dropped=1.0)
    run = await harness.open_loop(schedules.constant(rate, duration), duration, limits)
    if harness.stopped:
        raise Interrupted  # a step that was cut short says nothing
    return run, Step.of(run.samples, rate)


async def raise_users(
    harness: Harness, users: Sequence[int], rule: Rule, *, step_duration: float
) -> RampUp:
    """Raise a closed loop's callers, one step after another.

    Args:
        harness: of the target.
        users: of each step.
        rule: when a step counts as held.
        step_duration: seconds of each step.
    """
    runs: list[Run] = []
    for number in users:
        run = await harness.closed_loop(number, duration=step_duration)
        if len(run.samples):
            runs.append(run)
        if harness.stopped:
            break
    steps = [Step.of(run.samples, run.samples.users) for run in runs]
    return _ramp_up(steps, runs, rule, interrupted=harness.stopped)


def _ramp_up(
    steps: Sequence[Step], runs: Sequence[Run], rule: Rule, *, interrupted: bool
) -> RampUp:
    concurrency = [step.concurrency if step.open_loop else step.load for step in steps]
    held = [(step.load, run) for step, run in zip(steps, runs, strict=True) if rule.holds(step)]
    return RampUp(
        steps=tuple(steps),
        runs=tuple(runs),
        rule=rule,
        scalability=fit_scalability(concurrency, [step.goodput for step in steps]),
        best=max(held, key=lambda each: each[0])[1] if held else None,
        interrupted=interrupted,
    )


def drifts_of(run: Run) -> tuple[Drift, ...]:
    """Whether memory, descriptors or latency grew during a run."""
    seen, samples = run.timeline, run.samples
    times, latencies = p95_by_second(samples)
    return (
        find_drift(seen.at, seen.rss, RSS),
        find_drift(seen.at, seen.descriptors, DESCRIPTORS),
        find_drift(times, latencies, LATENCY),
    )


def p95_by_second(samples: Samples) -> tuple[list[float], list[float]]:
    """The 95th percentile of the response time of each second that had calls to time."""
    timed = samples.timed
    seconds = np.floor(samples.intended[timed]).astype(int)
    took = samples.response_time[timed]
    found = np.unique(seconds)
    return (found + 0.5).tolist(), [float(np.percentile(took[seconds == s], 95)) for s in found]


def steps_up_to(most: int, step_size: int) -> list[int]:
    """1, then every ``step_size`` up to ``most``, which is the last.

    Raises:
        ConfigurationError: one of the two is under 1.
    """
    if most < 1 or step_size < 1:
        raise ConfigurationError(f"users and step size must be at least 1: {most}, {step_size}")
    return sorted({1, *range(step_size, most + 1, step_size), most})


async def _recovery(harness: Harness, knee: float) -> float | None:
    normal = knee * _NORMAL
    before = schedules.constant(normal, _BEFORE)
    over = schedules.constant(knee * _OVERLOADED, _OVERLOAD) + _BEFORE
    after = schedules.constant(normal, _AFTER) + _BEFORE + _OVERLOAD
    whole = _BEFORE + _OVERLOAD + _AFTER
    run = await harness.open_loop(np.concatenate([before, over, after]), whole)
    if harness.stopped:
        raise Interrupted
    usual = run.samples.window(0.0, _BEFORE).response_percentiles().p95
    return recovery_time(run.samples, _BEFORE + _OVERLOAD, usual)


def _certificate(ramp: RampUp) -> Certificate:
    """The worst of the runs that decided: those that broke at the edge, and the best one.

    A load that was held though the generator was late has been held all the same; the loads far
    beyond the edge decide nothing.
    """
    edges = ramp.breaking_point.edges if ramp.breaking_point is not None else ()
    broke = [edge.broke for edge in edges]
    decided = [
        (f"at {step.load:.4g}", run.certificate)
        for step, run in zip(ramp.steps, ramp.runs, strict=True)
        if step in broke or run is ramp.best or not edges
    ]
    return worst(decided)
