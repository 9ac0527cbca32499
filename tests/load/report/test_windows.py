"""A run cut into windows."""

import numpy as np
import pytest

from dynogate.load.report.windows import GROWTH, MAX_WINDOWS, windows_of
from dynogate.load.samples import Outcome, Samples


def run(seconds: float, rate: float = 10) -> Samples:
    at = np.arange(int(seconds * rate)) / rate
    return Samples(at, at, at + 0.1, np.zeros(at.size, np.uint8), seconds)


@pytest.mark.parametrize(
    ("seconds", "length", "count"),
    [
        (5, 0.1, 50),
        (30, 0.5, 60),
        (60, 0.5, 120),
        (600, 5, 120),
        (607, 10, 61),
        (1e6, 1e6 / 120, 120),
    ],
)
def test_windows_have_a_length_to_count_with(seconds: float, length: float, count: int) -> None:
    """And there are never more of them than a plot can show."""
    windows = windows_of(run(seconds, rate=1))
    assert (windows[0].length, len(windows)) == (length, count)
    assert count <= MAX_WINDOWS


def test_every_call_is_in_one_window() -> None:
    """Those of the last, cut-off window, too."""
    assert sum(window.calls for window in windows_of(run(60.7))) == 607


def test_the_histogram_holds_the_timed_calls() -> None:
    """Refusals are left out, as they are of the percentiles."""
    samples = run(1)
    samples.outcome[:4] = Outcome.SHED
    samples.outcome[4] = Outcome.TOOL_ERROR
    total: dict[int, int] = {}
    for window in windows_of(samples):
        for bucket, number in window.histogram.items():
            total[bucket] = total.get(bucket, 0) + number
    ((bucket, number),) = total.items()
    assert number == 5
    assert GROWTH ** (bucket - 1) < 0.1 <= GROWTH**bucket * (1 + 1e-9)


def test_outcomes_are_counted_apart() -> None:
    """Being pushed back is no failure."""
    samples = run(1)
    samples.outcome[0] = Outcome.SHED
    samples.outcome[1] = Outcome.CONNECTION
    windows = windows_of(samples)
    assert sum(window.succeeded for window in windows) == 8
    assert sum(window.failed for window in windows) == 1
    assert sum(window.pushed_back for window in windows) == 1


def test_an_empty_run_has_no_windows() -> None:
    """Nothing to cut."""
    assert windows_of(run(0)) == ()
