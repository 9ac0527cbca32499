"""How sure a figure over a run's windows is, though calls that follow each other are alike.

A slow second slows every call in it, so thousands of calls are not thousands of witnesses. The
windows of a run are drawn anew in blocks of neighbours (circular block bootstrap: Politis and
Romano, 1992), as long as their likeness lasts, and the figure is computed from each draw.
"""

import math
from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

from dynogate.load.report.windows import GROWTH, Window

DRAWS = 2000
MIN_WINDOWS = 10

Floats = NDArray[np.float64]


class Resampled:
    """The windows of one run, drawn anew ``DRAWS`` times."""

    def __init__(self, windows: Sequence[Window], seed: int) -> None:
        """Draw the windows.

        Raises:
            ValueError: fewer than ``MIN_WINDOWS``, which say nothing of how the run scattered.
        """
        if len(windows) < MIN_WINDOWS:
            raise ValueError(f"{len(windows)} windows of a run; at least {MIN_WINDOWS} are needed")
        self._windows = windows
        self._draws = _draws(len(windows), _block_length(windows), seed)

    def quantile(self, q: float) -> tuple[float, Floats]:
        """The ``q`` quantile of the response time in seconds: as measured, and of each draw."""
        buckets = sorted({bucket for each in self._windows for bucket in each.histogram})
        counts = np.array([[each.histogram.get(b, 0) for b in buckets] for each in self._windows])
        drawn = self._draws @ counts
        measured = _quantiles(counts.sum(axis=0, keepdims=True), buckets, q)
        return float(measured[0]), _quantiles(drawn, buckets, q)

    def rate(self, name: str, over: str) -> tuple[float, Floats]:
        """A sum over windows by another, such as successes by seconds: measured, and drawn."""
        top = np.array([getattr(each, name) for each in self._windows], float)
        bottom = np.array([getattr(each, over) for each in self._windows], float)
        total = bottom.sum()
        with np.errstate(invalid="ignore", divide="ignore"):
            drawn = (self._draws @ top) / (self._draws @ bottom)
        return float(top.sum() / total) if total else math.nan, drawn


def _block_length(windows: Sequence[Window]) -> int:
    """How many windows in a row to draw together.

    The rule for a series whose likeness fades evenly: (2 r / (1 - r^2))^(2/3) n^(1/3), where r is
    the correlation of neighbours (Carlstein, 1986). At least 2, and no more than a sixth of all:
    fewer blocks would not scatter.
    """
    medians = np.array([each.response_p50 or math.nan for each in windows])
    known = np.log(medians[~np.isnan(medians)])
    n = len(windows)
    if known.size < 3 or known.std() == 0:
        return 2
    r = float(np.clip(np.corrcoef(known[:-1], known[1:])[0, 1], 0, 0.95))
    length = int(np.ceil((2 * r / (1 - r * r)) ** (2 / 3) * n ** (1 / 3)))
    return max(2, min(length, n // 6))


def _draws(n: int, block: int, seed: int) -> Floats:
    """How often each window is in each draw."""
    generator = np.random.default_rng(seed)
    starts = generator.integers(0, n, (DRAWS, math.ceil(n / block)))
    chosen = (starts[:, :, None] + np.arange(block)) % n
    rows = np.repeat(np.arange(DRAWS), n)
    counts = np.zeros((DRAWS, n))
    np.add.at(counts, (rows, chosen.reshape(DRAWS, -1)[:, :n].ravel()), 1)
    return counts


def _quantiles(counts: Floats, buckets: Sequence[int], q: float) -> Floats:
    """One a row, interpolated within its bucket; NaN where the row is empty."""
    if not buckets:
        return np.full(counts.shape[0], np.nan)
    upto = np.cumsum(counts, axis=1)
    wanted = q * upto[:, -1:]
    at = np.minimum((upto < wanted).sum(axis=1), len(buckets) - 1)
    rows = np.arange(counts.shape[0])
    inside = counts[rows, at]
    with np.errstate(invalid="ignore", divide="ignore"):
        share = 1 - (upto[rows, at] - wanted[:, 0]) / inside
    exponent = np.asarray(buckets)[at] - 1 + share
    return np.where(inside > 0, GROWTH**exponent, np.nan)
