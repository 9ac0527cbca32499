"""When each call of an open loop is to be sent, decided before the run and not by the server."""

import math
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from dynogate.errors import ConfigurationError

MAX_CALLS = 20_000_000
"""Calls of one run at most: their record takes about 30 bytes each."""

Times = NDArray[np.float64]


def constant(rate: float, duration: float) -> Times:
    """``rate`` calls a second, evenly spaced, for ``duration`` seconds."""
    return np.arange(_count(rate, duration)) / rate


def poisson(rate: float, duration: float, seed: int = 0) -> Times:
    """Calls at random and independently of each other, ``rate`` a second on average."""
    expected = _count(rate, duration)
    random = np.random.default_rng(seed)
    # Given how many arrivals a Poisson process has in a time, they are uniform in it.
    return np.sort(random.uniform(0.0, duration, random.poisson(expected)))


def ramp(start_rate: float, end_rate: float, duration: float) -> Times:
    """A rate that rises (or falls) evenly from ``start_rate`` to ``end_rate``.

    The n-th call comes when the integral of the rate reaches n.
    """
    if start_rate < 0 or end_rate < 0:
        raise ConfigurationError(f"a rate cannot be under 0: {start_rate} to {end_rate}")
    count = _count((start_rate + end_rate) / 2, duration)
    number = np.arange(count, dtype=float)
    slope = (end_rate - start_rate) / duration
    if slope == 0:
        return number / start_rate
    root = np.sqrt(np.maximum(start_rate**2 + 2 * slope * number, 0.0))
    times: Times = (root - start_rate) / slope
    return times


def replay(arrivals: Times, speed: float = 1.0) -> Times:
    """Recorded arrivals (seconds, any origin), in order, ``speed`` times as fast.

    Raises:
        ConfigurationError: there are none, too many, one is not a number, or the speed is not
            over 0.
    """
    if arrivals.size == 0 or arrivals.size > MAX_CALLS or not np.isfinite(arrivals).all():
        raise ConfigurationError(
            f"a replay needs 1 to {MAX_CALLS:,} arrival times in seconds; got {arrivals.size:,}"
        )
    if not (math.isfinite(speed) and speed > 0):
        raise ConfigurationError(f"a replay's speed must be over 0, not {speed}")
    ordered = np.sort(arrivals)
    times: Times = (ordered - ordered[0]) / speed
    return times


def read_arrivals(path: Path) -> Times:
    """Arrival times from a text file, one number of seconds a line.

    Raises:
        ConfigurationError: it cannot be read, or holds something else.
    """
    try:
        return np.array(path.read_text().split(), dtype=float)
    except (OSError, ValueError) as error:
        raise ConfigurationError(f"no arrival times in {str(path)!r}: {error}") from error


def _count(rate: float, duration: float) -> int:
    """Calls at ``rate`` in ``duration``, at least one.

    Raises:
        ConfigurationError: a rate or duration that cannot be, or more calls than can be kept.
    """
    if not (math.isfinite(rate) and rate > 0):
        raise ConfigurationError(f"a rate of {rate} calls a second cannot be: must be over 0")
    if not (math.isfinite(duration) and duration > 0):
        raise ConfigurationError(f"a duration of {duration} s cannot be: must be over 0")
    if rate * duration > MAX_CALLS:
        raise ConfigurationError(
            f"{rate:g} calls a second for {duration:g} s are more than the {MAX_CALLS:,} "
            "that one run keeps; take a shorter one"
        )
    return max(round(rate * duration), 1)
