"""One load offered for a while, what came of it, and the rule that says whether it was held."""

import math
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from dynogate.load import units
from dynogate.load.samples import Outcome, Samples


@dataclass(frozen=True, slots=True)
class Step:
    """A load that was kept for a while.

    Attributes:
        load: what was set: calls a second in an open loop, callers in a closed one.
        offered: calls a second that really were offered (open loop) or sent (closed).
        goodput: successes a second while there were successes, from the first to the last.
        success_rate: share of the answered calls that succeeded, 0 to 1; being pushed back (429,
            503) is no success here.
        p50: median response time of the calls, in seconds, like the next two.
        p95: 95th percentile.
        p99: 99th percentile.
        concurrency: calls in flight on average (Little's law: goodput times mean response time).
        calls: how many were made.
        open_loop: whether the schedule, not the server, decided when calls were sent.
        goodput_error: standard error of ``goodput``, from how it scattered within the step.
    """

    load: float
    offered: float
    goodput: float
    success_rate: float
    p50: float
    p95: float
    p99: float
    concurrency: float
    calls: int
    open_loop: bool = True
    goodput_error: float = 0.0

    @classmethod
    def of(cls, samples: Samples, load: float) -> "Step":
        """The figures of one step's samples; shares and rates are 0 where nothing succeeded."""
        times = samples.response_percentiles()
        ends = samples.finished[samples.is_one_of(Outcome.OK)]
        goodput = _rate(ends, samples.goodput)
        succeeded = samples.success_rate
        return cls(
            load=load,
            offered=_rate(samples.intended, samples.offered_rate),
            goodput=goodput,
            success_rate=0.0 if math.isnan(succeeded) else succeeded,
            p50=times.p50,
            p95=times.p95,
            p99=times.p99,
            concurrency=goodput * times.mean if goodput else 0.0,
            calls=len(samples),
            open_loop=samples.loop == "open",
            goodput_error=_error_of_rate(ends),
        )


def _rate(times: NDArray[np.float64], otherwise: float) -> float:
    """Events a second between the first and the last of them.

    Neither the wait for the first answer nor the last one's way home makes it smaller, so that it
    is the server's own rate however long one call takes: the offered rate where the server keeps
    up, its capacity where it works off a queue. The offered rate is told in the same way: chance
    arrivals do not look like missing answers.
    """
    if times.size < 2 or times.max() == times.min():
        return otherwise if times.size else 0.0
    return float((times.size - 1) / (times.max() - times.min()))


def _error_of_rate(times: NDArray[np.float64]) -> float:
    """Standard error of ``_rate``: how long ten stretches of as many events each took."""
    stretches = 10
    if times.size <= 2 * stretches:
        return 0.0
    edges = np.linspace(0, times.size - 1, stretches + 1).astype(int)
    lengths = np.diff(np.sort(times)[edges]) / np.diff(edges)
    mean = float(lengths.mean())
    if mean == 0:
        return 0.0
    return float(lengths.std(ddof=1)) / math.sqrt(stretches) / mean**2


@dataclass(frozen=True, slots=True)
class Rule:
    """When a server holds a load.

    Attributes:
        min_success_rate: share of calls that must succeed, 0 to 1.
        max_p99: seconds that 99 of 100 calls must be answered in; None for no limit.
        min_goodput_share: share of the offered rate that must come back as successes; only an
            open loop can tell, since a closed one offers no more than what comes back.
    """

    min_success_rate: float = 0.95
    max_p99: float | None = 1.0
    min_goodput_share: float = 0.95

    @property
    def text(self) -> str:
        """The rule in words."""
        parts = [f"at least {units.percent(self.min_success_rate)} of the calls succeed"]
        if self.max_p99 is not None:
            parts.append(f"p99 of the response time at most {units.seconds(self.max_p99)}")
        share = units.percent(self.min_goodput_share)
        parts.append(f"goodput at least {share} of the offered load")
        return ", ".join(parts)

    def broken_by(self, step: Step) -> str | None:
        """What of the rule ``step`` breaks, in words; None where the load was held."""
        if step.success_rate < self.min_success_rate:
            limit = units.percent(self.min_success_rate)
            return f"{units.percent(step.success_rate)} succeeded, less than {limit}"
        if self.max_p99 is not None and not step.p99 <= self.max_p99:
            return f"p99 {units.seconds(step.p99)}, over {units.seconds(self.max_p99)}"
        if step.open_loop and step.goodput < self.min_goodput_share * step.offered:
            offered = units.number(step.offered)
            return f"goodput {units.number(step.goodput)}/s of {offered}/s offered"
        return None

    def holds(self, step: Step) -> bool:
        """Whether the server held this load."""
        return self.broken_by(step) is None
