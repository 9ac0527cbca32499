"""Whether something grows while the load stays the same: memory, descriptors, latency.

The slope is Theil and Sen's over the means of 20 equal stretches of the run, with a 99 % interval.
Means over stretches take the saw-tooth of a garbage collector and the noise of single readings out;
medians of slopes do not mind a stretch that was disturbed. Compared on simulated ten-minute runs,
least squares called half of the real leaks noise, and Mann and Kendall's test called half of the
healthy runs leaks (``benchmarks.leak_detection`` shows the figures of the rule used here).
"""

from dataclasses import dataclass
from statistics import NormalDist
from typing import Literal

import numpy as np
from numpy.typing import NDArray

from dynogate.load import units
from dynogate.statistics import Numbers, Slope, theil_sen

BLOCKS = 20
"""Stretches that a run is cut into, after its warm-up."""

CONFIDENCE = 0.99
"""Level of the slope's interval: one healthy run in 200 would be called growing by chance."""

POWER = 0.9
"""The smallest detectable drift is found with this probability."""

READINGS_PER_BLOCK = 2
WARM_UP_SHARE = 0.15
WARM_UP_SEC = 30.0
"""What is left out at the start: this share of the run, at least so many seconds, and no more than
a third. A server that has just met its load fills pools and caches; that is no leak."""

Verdict = Literal["growing", "settling", "none", "shrinking", "unknown"]


@dataclass(frozen=True, slots=True)
class Quantity:
    """Something that can drift.

    Attributes:
        name: what it is.
        unit: of its values.
        growth: what growth of it is called.
        negligible: growth per second that is not worth an alarm, in ``unit``.
    """

    name: str
    unit: Literal["bytes", "descriptors", "seconds"]
    growth: str
    negligible: float

    def rate(self, slope: float, *interval: float) -> str:
        """A slope a second in words, with its interval where given: ``9.80 KB/s (8.90 to 10.7)``.

        What grows slowly is told by the minute.
        """
        if self.unit == "bytes":
            name, one = units.size_unit(slope)
            unit = f"{name}/s"
        elif self.unit == "seconds":
            name, one = units.time_unit(slope * 60)
            unit, one = f"{name} a minute", one / 60
        else:
            unit, one = "a minute", 1 / 60
        told, *ends = (units.number(value / one) for value in (slope, *interval))
        return f"{told} {unit} ({' to '.join(ends)})" if ends else f"{told} {unit}"


RSS = Quantity("memory (RSS)", "bytes", "leak", 1.0 * units.KB)
"""Below 1 KB/s (86 MB a day) nobody is woken."""
DESCRIPTORS = Quantity("file descriptors", "descriptors", "leak", 1 / 600)
"""Below one in ten minutes it could be one pool that grew by one."""
LATENCY = Quantity("response time (p95)", "seconds", "slowing", 1e-3 / 600)
"""Below a millisecond in ten minutes no caller notices."""


@dataclass(frozen=True, slots=True)
class Drift:
    """What a run says of one quantity's growth.

    Attributes:
        quantity: what was looked at.
        verdict: ``growing`` where the whole interval is above what is negligible; ``settling``
            where it is, but in the second half of the run the growth was less than half of that in
            the first, and the 99 % intervals of both lie apart; ``unknown`` where there were too
            few readings to say.
        slope: growth per second, in the quantity's unit; None where unknown, like the next three.
        low: lower end of its 99 % interval.
        high: upper end.
        smallest_detectable: growth per second that would have been found in 9 of 10 such runs.
        warm_up: seconds left out at the start.
        times: middle of each stretch, in seconds of the run.
        means: mean of each stretch.
    """

    quantity: Quantity
    verdict: Verdict
    slope: float | None = None
    low: float | None = None
    high: float | None = None
    smallest_detectable: float | None = None
    warm_up: float = 0.0
    times: tuple[float, ...] = ()
    means: tuple[float, ...] = ()

    @property
    def text(self) -> str:
        """The verdict in words, with its figures: ``leak: 9.80 KB/s (8.90 to 10.7)``."""
        if self.slope is None or self.low is None or self.high is None:
            needed = BLOCKS * READINGS_PER_BLOCK
            return f"too few readings to tell: {needed} are needed after the warm-up"
        figures = self.quantity.rate(self.slope, self.low, self.high)
        if self.verdict == "growing":
            return f"{self.quantity.growth}: {figures}"
        if self.verdict == "settling":
            return f"still settling, not steadily growing: {figures}; a longer run can tell"
        if self.verdict == "shrinking":
            return f"shrinking: {figures}"
        least = self.quantity.rate(self.smallest_detectable or 0.0)
        return f"no drift found; smallest detectable here: {least}"


def find_drift(times: Numbers, values: Numbers, quantity: Quantity) -> Drift:
    """Judge whether ``values`` grow over ``times``.

    Args:
        times: seconds of the run, increasing.
        values: in the quantity's unit, one a time; NaN where there was nothing to read.
        quantity: what the values are.

    Raises:
        ValueError: lengths differ, or times do not increase.
    """
    t, y = np.asarray(times, float), np.asarray(values, float)
    if t.shape != y.shape or t.ndim != 1:
        raise ValueError(f"{t.size} times do not go with {y.size} values")
    if (np.diff(t) <= 0).any():
        raise ValueError("the times of a run must increase")
    known = ~np.isnan(y)
    t, y = t[known], y[known]
    if t.size == 0:
        return Drift(quantity, "unknown")
    warm_up = _warm_up(float(t[-1] - t[0]))
    steady = t >= t[0] + warm_up
    t, y = t[steady], y[steady]
    if t.size < BLOCKS * READINGS_PER_BLOCK:
        return Drift(quantity, "unknown", warm_up=warm_up)
    at, means = block_means(t, y)
    whole = theil_sen(at, means, CONFIDENCE)
    return Drift(
        quantity,
        _verdict(at, means, whole, quantity.negligible),
        whole.slope,
        whole.low,
        whole.high,
        _smallest_detectable(whole, quantity.negligible),
        warm_up,
        tuple(at.tolist()),
        tuple(means.tolist()),
    )


def block_means(
    times: NDArray[np.float64], values: NDArray[np.float64]
) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    """Mean time and mean value of ``BLOCKS`` stretches of as many readings each."""
    stretches = np.array_split(np.arange(times.size), BLOCKS)
    return (
        np.array([times[each].mean() for each in stretches]),
        np.array([values[each].mean() for each in stretches]),
    )


def _warm_up(duration: float) -> float:
    return max(WARM_UP_SHARE * duration, min(WARM_UP_SEC, duration / 3))


def _verdict(
    at: NDArray[np.float64], means: NDArray[np.float64], whole: Slope, negligible: float
) -> Verdict:
    if whole.high < -negligible:
        return "shrinking"
    if whole.low <= negligible:
        return "none"
    half = at.size // 2
    early = theil_sen(at[:half], means[:half], CONFIDENCE)
    late = theil_sen(at[half:], means[half:], CONFIDENCE)
    dies_down = late.slope < early.slope / 2 and late.high < early.low
    return "settling" if dies_down else "growing"


def _smallest_detectable(slope: Slope, negligible: float) -> float:
    """The growth whose interval would lie above ``negligible`` with probability ``POWER``.

    As for a normal deviate: half the interval is ``z`` standard errors of the slope.
    """
    normal = NormalDist()
    z = normal.inv_cdf(0.5 + CONFIDENCE / 2)
    error = (slope.high - slope.low) / 2 / z
    return negligible + (z + normal.inv_cdf(POWER)) * error
