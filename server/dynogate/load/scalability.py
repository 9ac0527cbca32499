"""The universal scalability law, fitted to measured throughput, with what the data cannot say.

X(N) = lambda N / (1 + alpha (N - 1) + beta N (N - 1)): N calls in flight or callers, X throughput.
alpha is the share of the work that waits in line (contention), beta the cost of keeping every
worker consistent with every other (coherency), which makes throughput fall beyond a peak at
sqrt((1 - alpha) / beta). Gunther, "Guerrilla Capacity Planning" (2007), chapters 4 to 6.
"""

import math
import warnings
from collections.abc import Sequence
from dataclasses import dataclass, replace

import numpy as np
from numpy.typing import NDArray
from scipy.optimize import OptimizeWarning, curve_fit

from dynogate.load import units

MIN_LOADS = 5
"""Different concurrencies that a fit of three parameters needs: two to spare."""
MIN_SPREAD = 4.0
"""The highest concurrency over the lowest: less shows too little of the curve."""
REACH = 2.0
"""A peak is predicted up to this factor beyond the highest concurrency that was measured."""
REFITS = 200
CONFIDENCE = 0.95
MAX_STEPS = 500
"""Of one fit; it takes about ten."""

Floats = NDArray[np.float64]


@dataclass(frozen=True, slots=True)
class Estimate:
    """A figure and its 95 % interval."""

    value: float
    low: float
    high: float


@dataclass(frozen=True, slots=True)
class Scalability:
    """The fitted law. What the data cannot say is None, and ``missing`` says why.

    Attributes:
        single: throughput of one call at a time (lambda), in calls a second.
        alpha: contention, 0 to 1.
        beta: coherency, 0 to 1.
        peak_concurrency: calls in flight at the highest throughput.
        peak_throughput: that throughput, in calls a second.
        missing: why the peak, or all of it, is missing.
    """

    single: Estimate | None = None
    alpha: Estimate | None = None
    beta: Estimate | None = None
    peak_concurrency: Estimate | None = None
    peak_throughput: Estimate | None = None
    missing: str | None = None

    @property
    def text(self) -> str:
        """The law in words."""
        if self.alpha is None or self.beta is None:
            return f"no scalability law: {self.missing}"
        law = f"contention {_told(self.alpha)}, coherency {_told(self.beta)}"
        if self.peak_concurrency is None or self.peak_throughput is None:
            return f"{law}; no peak: {self.missing}"
        most = f"{units.number(self.peak_throughput.value)}/s"
        return f"{law}; peak of {most} at {_told(self.peak_concurrency)} calls in flight"


def _told(estimate: Estimate) -> str:
    low, high = units.number(estimate.low), units.number(estimate.high)
    return f"{units.number(estimate.value)} ({low} to {high})"


def throughput(concurrency: Floats, single: float, alpha: float, beta: float) -> Floats:
    """The law itself."""
    others = concurrency - 1
    return single * concurrency / (1 + alpha * others + beta * concurrency * others)


def fit_scalability(
    concurrency: Sequence[float], measured: Sequence[float], *, seed: int = 0
) -> Scalability:
    """Fit the law to measured points.

    The fit is on the logarithms, since throughput scatters in proportion to itself. The intervals
    are those of refits to the fitted curve with noise of the same size.

    Args:
        concurrency: callers, or calls in flight on average, at each point; at least about 1.
        measured: calls a second there.
        seed: of that noise.

    Raises:
        ValueError: lengths differ.
    """
    n, x = np.asarray(concurrency, float), np.asarray(measured, float)
    if n.shape != x.shape:
        raise ValueError(f"{n.size} concurrencies do not go with {x.size} throughputs")
    usable = np.isfinite(n) & np.isfinite(x) & (n > 0) & (x > 0)
    n, x = n[usable], x[usable]
    loads = np.unique(np.round(n, 3)).size
    if loads < MIN_LOADS:
        return Scalability(missing=f"{loads} different loads, {MIN_LOADS} are needed")
    if n.max() < MIN_SPREAD * n.min():
        return Scalability(missing=f"the loads span less than a factor of {MIN_SPREAD:g}")
    best = _fit(n, np.log(x), float((x / n).max()))
    if best is None:
        return Scalability(missing="the fit did not converge")
    return _told_by(n, best, _refits(n, x, best, seed))


def _law(n: Floats, log_single: float, alpha: float, beta: float) -> Floats:
    return np.log(throughput(n, math.exp(log_single), alpha, beta))


def _slopes(n: Floats, log_single: float, alpha: float, beta: float) -> Floats:
    """Derivatives of ``_law`` by its three parameters."""
    below = 1 + alpha * (n - 1) + beta * n * (n - 1)
    return np.stack([np.ones_like(n), -(n - 1) / below, -n * (n - 1) / below], axis=1)


def _fit(n: Floats, log_x: Floats, single: float) -> Floats | None:
    start = (math.log(single), 0.05, 0.001)
    bounds = ([-np.inf, 0, 0], [np.inf, 1, 1])
    with warnings.catch_warnings():
        # The covariance, which a perfect fit has not, is not used.
        warnings.simplefilter("ignore", OptimizeWarning)
        try:
            found, _ = curve_fit(
                _law, n, log_x, start, bounds=bounds, jac=_slopes, max_nfev=MAX_STEPS
            )
        except RuntimeError:
            return None
    return np.array([math.exp(found[0]), found[1], found[2]])


def _refits(n: Floats, x: Floats, best: Floats, seed: int) -> Floats:
    """One row of parameters for each fit to the curve with noise made anew.

    The size of the noise is itself known from few points only, so it is drawn, too, as Student's
    distribution asks for.
    """
    generator = np.random.default_rng(seed)
    curve = np.log(throughput(n, *best))
    squares = float(((np.log(x) - curve) ** 2).sum())
    sizes = np.sqrt(squares / generator.chisquare(n.size - best.size, REFITS))
    fits = (_fit(n, curve + generator.normal(0, size, n.size), float(best[0])) for size in sizes)
    return np.array([fit for fit in fits if fit is not None]).reshape(-1, best.size)


def _told_by(n: Floats, best: Floats, refits: Floats) -> Scalability:
    single, alpha, beta = (_estimate(best[i], refits[:, i]) for i in range(best.size))
    law = Scalability(single, alpha, beta)
    if beta.low <= 1e-9:
        why = "throughput did not fall, nor bend enough to say where it would"
        return replace(law, missing=why)
    at, peaks = _peak(best), _peak(refits.T)
    where = _estimate(float(at), peaks)
    if not where.high <= REACH * n.max():
        why = f"it would lie beyond {REACH:g} times the highest load measured"
        return replace(law, missing=why)
    heights = np.array([float(throughput(p, *fit)) for p, fit in zip(peaks, refits, strict=True)])
    height = _estimate(float(throughput(at, *best)), heights)
    return replace(law, peak_concurrency=where, peak_throughput=height)


def _peak(parameters: Floats) -> Floats:
    _, alpha, beta = parameters
    return np.asarray(np.maximum(1.0, np.sqrt((1 - alpha) / np.maximum(beta, 1e-12))))


def _estimate(value: float, refits: Floats) -> Estimate:
    """The percentile interval; it always holds the estimate itself."""
    tail = 50 * (1 - CONFIDENCE)
    low, high = np.percentile(refits, [tail, 100 - tail])
    return Estimate(float(value), min(float(low), float(value)), max(float(high), float(value)))
