"""More calls than the gateway can serve: how many that is, and then three times as many.

The tool keeps a core of the gateway busy for a known time, so that the gateway's limit is reached
long before the generator's, which certifies itself all the same.
"""

import asyncio
import threading
from dataclasses import dataclass

import numpy as np

from chaos.rig.calls import Told, call
from chaos.rig.rig import current
from dynogate.errors import RigFailed
from dynogate.load import schedules
from dynogate.load.calls import Call
from dynogate.load.certificate import Limits
from dynogate.load.harness import Harness, Options, Run
from dynogate.load.recovery import recovery_time
from dynogate.load.samples import FAILURES, Outcome
from dynogate.load.steps import Rule, Step
from dynogate.load.targets import target

NOTE = "overload"
_LIMITS = Limits(late=0.05, lag=0.05)
_STEP_SEC = 1.5
_IDLE_SEC = 0.5
_FIRST, _GROWTH, _MOST = 40.0, 1.5, 1200.0
_BASE_SHARE = 0.5
_CALLERS = 8
_FLOOR_SEC = 0.02
"""What a call may always take and still count as served as before: the machine's noise."""


@dataclass(slots=True)
class Overload:
    """What was found out.

    Attributes:
        peak: the most successes a second that any step of the ramp brought.
        offered: calls a second in the overload.
        shed: how many of them were refused.
    """

    peak: float
    offered: float = 0.0
    shed: int = 0


def find_knee(ms: float) -> dict[str, float]:
    """Offer more and more, until the gateway does not keep up.

    Args:
        ms: of CPU time that each call takes.

    Returns:
        ``knee``: the last load that was held, in calls a second; ``peak``: the most successes a
        second.

    Raises:
        RigFailed: it always kept up, or never did.
    """
    steps = asyncio.run(_ramp(ms))
    rule = Rule(max_p99=0.5)
    held = [step for step in steps if rule.holds(step)]
    if not held or len(held) == len(steps):
        raise RigFailed(f"no knee between {_FIRST:g} and {_MOST:g} calls a second of {ms:g} ms")
    peak = max(step.goodput for step in steps)
    current().notes[NOTE] = Overload(peak)
    return {"knee": held[-1].load, "peak": peak}


async def _ramp(ms: float) -> list[Step]:
    steps: list[Step] = []
    rule, load = Rule(max_p99=0.5), _FIRST
    async with _harness(ms) as harness:
        while load <= _MOST and (not steps or rule.holds(steps[-1])):
            run = await harness.open_loop(schedules.constant(load, _STEP_SEC), _STEP_SEC)
            _certify(run)
            steps.append(Step.of(run.samples, load))
            load *= _GROWTH
            await asyncio.sleep(_IDLE_SEC)
    return steps


def overload(ms: float, times: float, seconds: float, after: float) -> dict[str, float]:
    """Offer several times the knee, between times of half of it.

    Args:
        ms: of CPU time that each call takes.
        times: the knee.
        seconds: that the overload lasts.
        after: seconds that calls go on afterwards.

    Returns:
        ``goodput_share`` of the peak in the overload; calls that were ``shed``, and those that
        ``failed`` otherwise; of some calls beside it, those refused ``without_retry_after``;
        ``recovery``: seconds until calls were served as before.

    Raises:
        RigFailed: the knee is not known, or the generator could not do it.
    """
    found: Overload | None = current().notes.get(NOTE)
    if found is None:
        raise RigFailed("overload needs find_knee first")
    base, high = _BASE_SHARE * found.peak, times * found.peak
    before = after / 2
    parts = [schedules.constant(r, s) for r, s in ((base, before), (high, seconds), (base, after))]
    starts = (0.0, before, before + seconds)
    schedule = np.concatenate([part + start for part, start in zip(parts, starts, strict=True)])
    with _Beside(ms) as beside:
        run = asyncio.run(_offer(ms, schedule, before + seconds + after))
    _certify(run)
    samples = run.samples
    over = samples.window(before, before + seconds)
    ended = samples.finished[samples.is_one_of(Outcome.OK)]
    good = np.count_nonzero((ended >= before) & (ended < before + seconds)) / seconds
    found.offered, found.shed = len(over) / seconds, over.count(Outcome.SHED)
    normal = max(samples.window(0, before).response_percentiles().p95, _FLOOR_SEC)
    recovery = recovery_time(samples, before + seconds, normal)
    refused = [each for each in beside.told if each.status == 503]
    return {
        "goodput_share": good / found.peak,
        "shed": found.shed,
        "failed": samples.count(*FAILURES),
        "refused_beside": len(refused),
        "without_retry_after": sum(each.retry_after is None for each in refused),
        "recovery": float("inf") if recovery is None else recovery,
    }


class _Beside:
    """Callers beside the load, whose answers are kept whole.

    Several, because a call over a new connection may wait for seconds while it lasts.
    """

    def __init__(self, ms: float) -> None:
        self._ms = ms
        self._over = threading.Event()
        self._threads = [threading.Thread(target=self._run) for _ in range(_CALLERS)]
        self.told: list[Told] = []

    def __enter__(self) -> "_Beside":
        for thread in self._threads:
            thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._over.set()
        for thread in self._threads:
            thread.join()

    def _run(self) -> None:
        while not self._over.wait(1.0):
            self.told.append(call("spin", {"ms": self._ms}))


def _harness(ms: float) -> Harness:
    gateway = current().gateway
    options = Options(processes=1, pid=gateway.process.pid, limits=_LIMITS)
    return Harness(target(gateway.url, "rpc", timeout=10), [Call("spin", {"ms": ms})], options)


async def _offer(ms: float, times: schedules.Times, seconds: float) -> Run:
    async with _harness(ms) as harness:
        return await harness.open_loop(times, seconds)


def _certify(run: Run) -> None:
    if not run.certificate.valid:
        raise RigFailed(f"the load was not made as asked: {'; '.join(run.certificate.reasons)}")
