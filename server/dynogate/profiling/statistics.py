"""The statistics that verdicts rest on: rank test, bootstrap, false discovery rate, robust slope.

This is the one place for them. ``scipy.stats`` costs 2.5 s to import (measured), so only the rank
test, which follows minutes of re-runs, loads it; the slope is needed within milliseconds and is
written out here.
"""

import math
from collections.abc import Sequence
from dataclasses import dataclass
from statistics import NormalDist

import numpy as np
from numpy.typing import NDArray

_SLOPE_POINTS = 1000
"""Points that a slope is computed from at most: their pairs number half a million."""

_RESAMPLES = 9999
_SEED = 20250101
"""A fixed seed: the same measurements always give the same interval."""


@dataclass(frozen=True, slots=True)
class Slope:
    """A robust slope, in units of y per unit of x, and its confidence interval."""

    slope: float
    low: float
    high: float


@dataclass(frozen=True, slots=True)
class Ratio:
    """After over before: the ratio of the medians and its bootstrap interval."""

    ratio: float
    low: float
    high: float


def theil_sen(xs: Sequence[float], ys: Sequence[float], confidence: float = 0.95) -> Slope:
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


def mann_whitney(before: Sequence[float], after: Sequence[float]) -> float:
    """The two-sided p-value of the exact Mann-Whitney U test.

    Five against five reach 0.0079 at the least.

    Raises:
        ValueError: one of the samples is empty.
    """
    if not before or not after:
        raise ValueError("the rank test needs measurements on both sides")
    from scipy.stats import mannwhitneyu  # slow, see the module's docstring

    return float(mannwhitneyu(before, after, alternative="two-sided", method="exact").pvalue)


def median_ratio(
    before: Sequence[float], after: Sequence[float], confidence: float = 0.95
) -> Ratio:
    """The ratio of the medians, after over before, with a percentile bootstrap interval.

    Both sides are resampled on their own, 9999 times, with a fixed seed (Efron and Tibshirani,
    "An Introduction to the Bootstrap", 13.3).

    Raises:
        ValueError: one of the samples is empty or holds a value that is not above zero.
    """
    if not before or not after or min(*before, *after) <= 0:
        raise ValueError("a ratio needs measurements above zero on both sides")
    generator = np.random.default_rng(_SEED)
    medians = [
        np.median(generator.choice(np.asarray(side, dtype=float), (_RESAMPLES, len(side))), axis=1)
        for side in (before, after)
    ]
    tail = 50 * (1 - confidence)
    low, high = np.percentile(medians[1] / medians[0], (tail, 100 - tail))
    return Ratio(float(np.median(after) / np.median(before)), float(low), float(high))


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
