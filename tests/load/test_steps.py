"""What one load came to, and whether it was held."""

import math
from dataclasses import replace

import numpy as np
import pytest

from dynogate.load.samples import Loop, Outcome, Samples
from dynogate.load.steps import Rule, Step


def run(finished: np.ndarray, outcome: Outcome = Outcome.OK, loop: Loop = "open") -> Samples:
    """Ten calls a second, answered at ``finished``."""
    intended = np.arange(finished.size) / 10
    outcomes = np.full(finished.size, outcome, np.uint8)
    return Samples(intended, intended, finished, outcomes, finished.size / 10, loop)


def step(**changed: float) -> Step:
    """A step that every rule lets through, but for what is changed."""
    return replace(Step(100, 100, 100, 1.0, 0.01, 0.01, 0.01, 1.0, 1000), **changed)  # type: ignore[arg-type]


def test_a_server_that_keeps_up_has_the_offered_rate_as_goodput() -> None:
    """However long a call takes: its answer is late, not missing."""
    told = Step.of(run(np.arange(50) / 10 + 4.0), 10)
    assert told.offered == pytest.approx(10)
    assert told.goodput == pytest.approx(10)
    assert told.concurrency == pytest.approx(40)
    assert Rule(max_p99=None).holds(told)


def test_a_server_that_falls_behind_shows_its_capacity() -> None:
    """Five a second come back of the ten offered, until the queue is worked off."""
    told = Step.of(run(np.arange(50) / 5), 10)
    assert told.goodput == pytest.approx(5)
    assert Rule(max_p99=None).broken_by(told) == "goodput 5.00/s of 10.0/s offered"


def test_where_nothing_succeeds_the_figures_are_zero() -> None:
    """No success is no speed."""
    told = Step.of(run(np.arange(50) / 10, Outcome.CONNECTION), 10)
    assert (told.goodput, told.success_rate, told.concurrency) == (0, 0, 0)
    assert math.isnan(told.p99)
    assert Rule().broken_by(told) == "0 % succeeded, less than 95 %"


def test_nothing_at_all_breaks_every_rule() -> None:
    """No call, no success."""
    assert not Rule().holds(Step.of(run(np.zeros(0)), 10))


def test_a_rate_that_scatters_has_an_error() -> None:
    """About that of the mean of as many service times; an even rate has none."""
    assert Step.of(run(np.arange(200) / 10), 10).goodput_error == pytest.approx(0, abs=1e-9)
    services = np.random.default_rng(1).normal(0.2, 0.02, 2000)
    told = Step.of(run(np.cumsum(services)), 10)
    assert told.goodput_error == pytest.approx(5 * 0.1 / np.sqrt(2000), rel=0.6)
    assert Step.of(run(np.ones(200)), 10).goodput_error == 0


def test_one_answer_has_a_rate_over_the_whole_time() -> None:
    """A single end makes no rate of its own."""
    assert Step.of(run(np.array([0.05])), 10).goodput == pytest.approx(10)


@pytest.mark.parametrize(
    ("changed", "reason"),
    [
        ({}, None),
        ({"success_rate": 0.949}, "94.9 % succeeded, less than 95 %"),
        ({"p99": 1.2}, "p99 1.20 s, over 1.00 s"),
        ({"p99": math.nan}, "p99 ?, over 1.00 s"),
        ({"goodput": 94}, "goodput 94.0/s of 100/s offered"),
    ],
)
def test_a_broken_rule_says_what_broke(changed: dict[str, float], reason: str | None) -> None:
    """The first reason, with its figures."""
    assert Rule().broken_by(step(**changed)) == reason


def test_a_closed_loop_is_not_held_to_the_offered_rate() -> None:
    """It offers no more than what comes back."""
    told = Step.of(run(np.arange(50) / 5, loop="closed"), 10)
    assert Rule(max_p99=None).holds(told)


def test_the_rule_is_told_in_words() -> None:
    """So that a reader can hold the knee to it."""
    assert Rule().text == (
        "at least 95 % of the calls succeed, p99 of the response time at most 1.00 s, "
        "goodput at least 95 % of the offered load"
    )
    assert "p99" not in Rule(max_p99=None).text
