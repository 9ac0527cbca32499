"""The statistics that verdicts rest on: signed-rank test, false discovery rate, robust slope.

This is the one place for them. They are written out here because a leak analysis needs its slope
within milliseconds and ``scipy.stats`` costs 2.5 s to import (measured); the tests hold them to
scipy's results.
"""

import math
from collections.abc import Sequence
from dataclasses import dataclass
from statistics import NormalDist

import numpy as np
from numpy.typing import NDArray

Numbers = Sequence[float] | NDArray[np.float64]

_SLOPE_POINTS = 1000
"""Points that a slope is computed from at most: their pairs number half a million."""


@dataclass(frozen=True, slots=True)
class Slope:
    """A robust slope, in units of y per unit of x, and its confidence interval."""

    slope: float
    low: float
    high: float


@dataclass(frozen=True, slots=True)
class PairedRatio:
    """After over before: the estimate, its confidence interval, and the p-value of no change."""

    ratio: float
    low: float
    high: float
    p_value: float


def theil_sen(xs: Numbers, ys: Numbers, confidence: float = 0.95) -> Slope:
    """The median slope over all pairs of points, and Sen's interval around it.

    Beyond 1000 points an evenly spaced choice of them (both ends included) is used. The interval
    follows Sen (1968), "Estimates of the regression coefficient based on Kendall's tau": the order
    statistics at the normal deviate of Kendall's score, ties in y allowed for.

    Args:
        xs: positions, in any order; pairs with equal positions are left out.
        ys: values, as many as ``xs``.
        confidence: the interval's level, between 0 and 1.

    Raises:
        ValueError: lengths differ, or fewer than two different positions.
    """
    x, y = np.asarray(xs, dtype=float), np.asarray(ys, dtype=float)
    if x.shape != y.shape or x.ndim != 1:
        raise ValueError(f"{x.size} positions do not go with {y.size} values")
    if x.size > _SLOPE_POINTS:
        order = np.argsort(x, kind="stable")
        chosen = order[np.linspace(0, x.size - 1, _SLOPE_POINTS).round().astype(int)]
        x, y = x[chosen], y[chosen]
    first, second = np.triu_indices(x.size, k=1)
    run = x[second] - x[first]
    apart = run != 0
    if not apart.any():
        raise ValueError("a slope needs two different positions")
    slopes = np.sort((y[second] - y[first])[apart] / run[apart])
    reach = NormalDist().inv_cdf(0.5 + confidence / 2) * math.sqrt(_score_variance(x, y))
    last = slopes.size - 1
    low = max(round((slopes.size - reach) / 2) - 1, 0)
    high = min(round((slopes.size + reach) / 2), last)
    return Slope(float(np.median(slopes)), float(slopes[low]), float(slopes[high]))


def _score_variance(x: NDArray[np.float64], y: NDArray[np.float64]) -> float:
    """Variance of Kendall's score under no trend, reduced by ties in x or y (Sen 1968, 2.6)."""
    count = x.size
    variance = count * (count - 1) * (2 * count + 5)
    for values in (x, y):
        _, ties = np.unique(values, return_counts=True)
        variance -= int((ties * (ties - 1) * (2 * ties + 5)).sum())
    return max(variance, 0) / 18


def paired_ratio(
    before: Sequence[float], after: Sequence[float], confidence: float = 0.95
) -> PairedRatio:
    """After over before, of measurements that were made in pairs.

    On the logarithms: the Hodges-Lehmann estimate, the exact two-sided Wilcoxon signed-rank test
    and the interval that belongs to both, from the ordered averages of all pairs of differences
    (Hollander, Wolfe and Chicken, "Nonparametric Statistical Methods", 3.1 to 3.3). What slows
    both measurements of a pair alike cancels out; a few pairs that were disturbed on one side
    hardly count.

    Raises:
        ValueError: lengths differ, a value is not above zero, or the pairs are too few for an
            interval at this level (at 0.95: fewer than 6).
    """
    if len(before) != len(after) or min((*before, *after), default=1.0) <= 0:
        raise ValueError("a ratio needs measurements above zero, as many on one side as the other")
    change = np.log(np.asarray(after, dtype=float)) - np.log(np.asarray(before, dtype=float))
    first, second = np.triu_indices(change.size)
    averages = np.sort((change[first] + change[second]) / 2)
    at_most = np.cumsum(_signed_rank_distribution(change.size))
    outside = int((at_most <= (1 - confidence) / 2).sum())
    if outside == 0:
        raise ValueError(f"{change.size} pairs are too few for an interval at {confidence:g}")
    above = int((averages > 0).sum()) + int((averages == 0).sum()) / 2
    rarer = math.floor(min(above, averages.size - above))
    return PairedRatio(
        ratio=math.exp(np.median(averages)),
        low=math.exp(averages[outside - 1]),
        high=math.exp(averages[averages.size - outside]),
        p_value=min(1.0, 2 * float(at_most[rarer])),
    )


def _signed_rank_distribution(count: int) -> NDArray[np.float64]:
    """The probability of each sum of the ranks 1 to ``count``, every rank in it by a fair coin."""
    chance = np.zeros(count * (count + 1) // 2 + 1)
    chance[0] = 1.0
    for rank in range(1, count + 1):
        with_rank = np.zeros_like(chance)
        with_rank[rank:] = chance[:-rank]
        chance = (chance + with_rank) / 2
    return chance


def benjamini_hochberg(p_values: Sequence[float]) -> tuple[float, ...]:
    """Each p-value adjusted for the false discovery rate over all of them, in the given order.

    Benjamini and Hochberg (1995); an adjusted value under q is a discovery at rate q.
    """
    count = len(p_values)
    adjusted = [1.0] * count
    smallest = 1.0
    for rank, index in reversed(list(enumerate(np.argsort(p_values), start=1))):
        smallest = min(smallest, p_values[index] * count / rank)
        adjusted[index] = smallest
    return tuple(adjusted)


def two_sided(z: float) -> float:
    """The two-sided p-value of a normal deviate."""
    return math.erfc(abs(z) / math.sqrt(2))
