"""The verdict on repeated runs: is the program slower, faster, the same, or not known."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from statistics import median

from dynogate.profiling.comparison.models import Measure, MeasureName, Verdict
from dynogate.statistics import paired_ratio

MARGIN = 0.05
"""Changes up to this share are no change: ten runs of the same code spread by about as much."""

ALPHA = 0.01
"""The chance of a false alarm, over all looks at the data together."""

_FIRST_OF_FEW = 0.008
"""What a first look at fewer than ten runs spends of it, see ``FEWEST_RUNS``."""

_FEW = 10
"""Ten pairs reach p = 0.002, within an even share."""

FEWEST_RUNS = 8
"""Two of the 256 sign patterns of eight pairs are p = 0.0078: fewer can never pass ``ALPHA``."""

MOST_WAITING = 0.5
"""Share of waiting up to which a program is judged by its CPU seconds."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Timing:
    """One run without the profiler.

    Attributes:
        cpu_sec: user and system CPU of the program and of the children it waited for.
        wall_sec: wall clock, without the interpreter's start and without ``queued_sec``.
        queued_sec: what its main thread waited for a processor (other programs' doing); 0 where
            unknown.
        status: exit status.
    """

    cpu_sec: float
    wall_sec: float
    queued_sec: float = 0.0
    status: int

    @property
    def waiting(self) -> float:
        """Share of the time in which it waited by itself: for a clock, a disk, another process."""
        return max(0.0, 1 - self.cpu_sec / max(self.wall_sec, 1e-9))


@dataclass(frozen=True, slots=True, kw_only=True)
class Judgement:
    """A verdict and the figures it rests on."""

    verdict: Verdict
    decided_by: MeasureName
    cpu: Measure | None
    wall: Measure
    alpha: float

    @property
    def measure(self) -> Measure:
        """The measure that decided."""
        return self.cpu if self.decided_by is MeasureName.CPU and self.cpu else self.wall

    @property
    def other(self) -> Measure | None:
        """The measure that did not decide."""
        return self.wall if self.decided_by is MeasureName.CPU else self.cpu


def looks(runs: int, most: int) -> Iterator[tuple[int, float]]:
    """When to look at the data, and what each look may spend of the error rate.

    The runs double from look to look. The shares add up to ``ALPHA``, so that the chance of any
    false alarm stays below it (Bonferroni).

    Args:
        runs: runs a side before the first look.
        most: runs a side before the last.
    """
    sizes = [runs]
    while sizes[-1] < most:
        sizes.append(min(2 * sizes[-1], most))
    first = _FIRST_OF_FEW if runs < _FEW and len(sizes) > 1 else ALPHA / len(sizes)
    yield runs, first
    for size in sizes[1:]:
        yield size, (ALPHA - first) / (len(sizes) - 1)


def judge(before: Sequence[Timing], after: Sequence[Timing], alpha: float) -> Judgement:
    """Weigh the runs of both sides, of which those at the same position are pairs.

    A change is found where the exact signed-rank test of the pairs gives p < ``alpha`` **and**
    the 95 % interval of their ratio lies wholly beyond ``MARGIN``; no change where that interval
    lies wholly within it.

    Raises:
        ValueError: the sides have not as many runs, or fewer than 6.
    """
    cpu = _measure(MeasureName.CPU, [run.cpu_sec for run in before], [run.cpu_sec for run in after])
    wall = _measure(
        MeasureName.WALL, [run.wall_sec for run in before], [run.wall_sec for run in after]
    )
    name = bound_by(median(run.waiting for run in before), median(run.waiting for run in after))
    return Judgement(
        verdict=beyond(cpu if name is MeasureName.CPU else wall, alpha),
        decided_by=name,
        cpu=cpu,
        wall=wall,
        alpha=alpha,
    )


def bound_by(waiting_before: float, waiting_after: float) -> MeasureName:
    """CPU seconds where both sides compute most of the time and wait alike; else the wall clock.

    CPU seconds vary less, but know nothing of a sleep that was added.
    """
    computes = max(waiting_before, waiting_after) < MOST_WAITING
    alike = abs(waiting_after - waiting_before) <= MARGIN
    return MeasureName.CPU if computes and alike else MeasureName.WALL


def beyond(measure: Measure, alpha: float) -> Verdict:
    """The verdict on one measure."""
    low, high, p_value = measure.ratio_low, measure.ratio_high, measure.p_value
    if low is None or high is None or p_value is None:
        return Verdict.INCONCLUSIVE
    if p_value < alpha and low > 1 + MARGIN:
        return Verdict.REGRESSION
    if p_value < alpha and high < 1 - MARGIN:
        return Verdict.IMPROVEMENT
    return Verdict.NO_CHANGE if low >= 1 - MARGIN and high <= 1 + MARGIN else Verdict.INCONCLUSIVE


def _measure(name: MeasureName, before: Sequence[float], after: Sequence[float]) -> Measure:
    pairs = paired_ratio(before, after)
    return Measure(
        name=name,
        before_sec=median(before),
        after_sec=median(after),
        ratio=pairs.ratio,
        ratio_low=pairs.low,
        ratio_high=pairs.high,
        p_value=pairs.p_value,
        runs_before=len(before),
        runs_after=len(after),
    )
