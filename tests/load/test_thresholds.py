"""Limits of a run: kept, broken, or not even measured."""

import math

import numpy as np
import pytest

from dynogate.errors import ConfigurationError
from dynogate.load.samples import Samples
from dynogate.load.thresholds import Observed, Threshold, judge, parse_threshold

FINE = Observed(answered=1000, error_rate=0.01, p99=0.2, rps=100.0)


@pytest.mark.parametrize(
    ("threshold", "passed", "text"),
    [
        (Threshold("error_rate", 0.01), True, "share of failed calls 1 % (at most 1 %)"),
        (Threshold("error_rate", 0.009), False, "share of failed calls 1 % (at most 0.9 %)"),
        (Threshold("p99", 0.2), True, "p99 of the response time 200 ms (at most 200 ms)"),
        (Threshold("p99", 0.1), False, "p99 of the response time 200 ms (at most 100 ms)"),
        (Threshold("rps", 100), True, "successes a second 100/s (at least 100/s)"),
        (Threshold("rps", 101), False, "successes a second 100/s (at least 101/s)"),
    ],
)
def test_a_limit_is_kept_up_to_itself(threshold: Threshold, passed: bool, text: str) -> None:
    """And its judgement says both figures."""
    (judged,) = judge([threshold], FINE)
    assert (judged.passed, judged.text) == (passed, text)


def test_no_answered_call_always_fails() -> None:
    """Even where no limit was asked for: a test that tested nothing must not be green."""
    nothing = Observed(0, math.nan, math.nan, 0.0)
    assert [each.passed for each in judge([], nothing)] == [False]
    judged = judge([Threshold("error_rate", 1.0)], nothing)
    assert [each.passed for each in judged] == [False, False]
    assert judged[0].text == "no call was answered: nothing was measured"


def test_a_run_without_limits_and_with_answers_passes() -> None:
    """Nothing was asked, nothing is broken."""
    assert judge([], FINE) == ()


def test_no_success_has_no_p99_and_breaks_its_limit() -> None:
    """An unknown figure keeps no limit."""
    (judged,) = judge([Threshold("p99", 10)], Observed(10, 1.0, math.nan, 0.0))
    assert not judged.passed
    assert judged.text == "p99 of the response time ? (at most 10.0 s)"
    (judged,) = judge([Threshold("p99", 10)], Observed(10, 1.0, None, 0.0))
    assert not judged.passed


def test_limits_of_one_endpoint_look_at_that_one_only() -> None:
    """A slow tool must not hide behind a fast one."""
    slow = Observed(10, 0.0, 2.0, 1.0)
    fast, all_of_it = judge(
        [Threshold("p99", 1, "search"), Threshold("p99", 1)], FINE, {"search": slow}
    )
    assert not fast.passed
    assert fast.text.startswith("search: p99")
    assert fast.endpoint == "search"
    assert all_of_it.passed


def test_an_endpoint_that_was_never_called_fails() -> None:
    """A misspelt name must not be green."""
    (judged,) = judge([Threshold("p99", 1, "serach")], FINE, {"search": FINE})
    assert (judged.passed, judged.text) == (False, "serach: no call was answered")


def test_observed_figures_come_from_samples() -> None:
    """The same figures as everywhere else."""
    at = np.arange(100) / 10
    observed = Observed.of(Samples(at, at, at + 0.1, np.zeros(100, np.uint8), 10.0))
    assert (observed.answered, observed.error_rate) == (100, 0)
    assert observed.p99 == pytest.approx(0.1)


@pytest.mark.parametrize(
    ("metric", "text", "expected"),
    [
        ("error_rate", "1%", Threshold("error_rate", 0.01)),
        ("error_rate", "0.05", Threshold("error_rate", 0.05)),
        ("p99", "500ms", Threshold("p99", 0.5)),
        ("p99", "2s", Threshold("p99", 2.0)),
        ("p99", "search=0.25", Threshold("p99", 0.25, "search")),
        ("rps", "100/s", Threshold("rps", 100.0)),
        ("rps", "a=b=100", Threshold("rps", 100.0, "a=b")),
    ],
)
def test_thresholds_are_written_with_units_and_names(
    metric: str, text: str, expected: Threshold
) -> None:
    """As an engineer would type them."""
    assert parse_threshold(metric, text) == expected  # type: ignore[arg-type]


@pytest.mark.parametrize(
    ("metric", "text"),
    [
        ("error_rate", "2"),
        ("error_rate", "x"),
        ("p99", "-1"),
        ("p99", "=1"),
        ("rps", "nan"),
        ("p99", ""),
    ],
)
def test_nonsense_limits_say_what_would_be_right(metric: str, text: str) -> None:
    """The option's name and an example."""
    with pytest.raises(ConfigurationError, match=r"--(max|min)-\S+ '.*' is no limit; write "):
        parse_threshold(metric, text)  # type: ignore[arg-type]
