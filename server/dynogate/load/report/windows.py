"""A run cut into windows of equal length: what plots over time and comparisons are made from."""

import math
from itertools import pairwise

import numpy as np
from numpy.typing import NDArray
from pydantic import Field

from dynogate.load.report.model import Model, figure
from dynogate.load.samples import FAILURES, PUSHED_BACK, Outcome, Samples

MAX_WINDOWS = 120
LENGTHS_SEC = (0.1, 0.2, 0.5, 1, 2, 5, 10, 20, 30, 60, 120, 300, 600, 1200, 1800, 3600)
"""Lengths that a reader can count with."""

GROWTH = 1.02
"""Each bucket of a histogram reaches this factor further than the one before: 2 % wide."""

Floats = NDArray[np.float64]


class Window(Model):
    """The calls that were intended within one window. Times are seconds."""

    start: float = Field(description="Seconds since the start of the run.")
    length: float
    calls: int
    succeeded: int
    failed: int
    pushed_back: int = Field(description="Answered 429 or 503.")
    response_p50: float | None
    response_p95: float | None
    response_p99: float | None
    service_p50: float | None
    service_p99: float | None
    histogram: dict[int, int] = Field(
        description="Response times: how many lie in bucket i, from 1.02**(i-1) to 1.02**i seconds."
    )


def windows_of(samples: Samples, at_most: int = MAX_WINDOWS) -> tuple[Window, ...]:
    """Cut a run into windows, ``at_most`` so many; the last one may reach past its end."""
    if samples.duration <= 0:
        return ()
    length = next(
        (each for each in LENGTHS_SEC if samples.duration / each <= at_most),
        samples.duration / at_most,
    )
    count = math.ceil(samples.duration / length - 1e-9)
    # Each edge is computed once, so that rounding drops no call between two windows.
    edges = [number * length for number in range(count)] + [math.inf]
    return tuple(
        _window(samples.window(start, end), start, length) for start, end in pairwise(edges)
    )


def _window(cut: Samples, start: float, length: float) -> Window:
    response, service = cut.response_percentiles(), cut.service_percentiles()
    return Window(
        start=round(start, 3),
        length=length,
        calls=len(cut),
        succeeded=cut.count(Outcome.OK),
        failed=cut.count(*FAILURES),
        pushed_back=cut.count(*PUSHED_BACK),
        response_p50=figure(response.p50),
        response_p95=figure(response.p95),
        response_p99=figure(response.p99),
        service_p50=figure(service.p50),
        service_p99=figure(service.p99),
        histogram=_histogram(cut.response_time[cut.timed]),
    )


def _histogram(seconds: Floats) -> dict[int, int]:
    known = np.maximum(seconds[~np.isnan(seconds)], 1e-6)
    indices = np.ceil(np.log(known) / math.log(GROWTH)).astype(int)
    values, counts = np.unique(indices, return_counts=True)
    return {int(value): int(count) for value, count in zip(values, counts, strict=True)}
