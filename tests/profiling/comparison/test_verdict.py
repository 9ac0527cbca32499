"""The verdict on repeated runs, of dynogate.profiling.comparison.verdict."""

import random

import pytest

from dynogate.profiling.comparison.models import MeasureName, Verdict
from dynogate.profiling.comparison.verdict import ALPHA, Timing, judge, looks


def runs(*cpu: float, share: float = 1.0) -> list[Timing]:
    """Runs of so many CPU seconds, which are ``share`` of the time they took."""
    return [Timing(cpu_sec=sec, wall_sec=sec / share, queued_sec=0.0, status=0) for sec in cpu]


def spread(middle: float, count: int, share: float, seed: int) -> list[float]:
    """Measurements around ``middle`` with a normal spread of ``share``."""
    generator = random.Random(seed)
    return [middle * generator.gauss(1, share) for _ in range(count)]


BASE = (1.00, 1.01, 0.99, 1.02, 0.98, 1.03, 0.97, 1.00)


@pytest.mark.parametrize(
    ("factor", "verdict"),
    [
        (1.2, Verdict.REGRESSION),
        (0.8, Verdict.IMPROVEMENT),
        (1.0, Verdict.NO_CHANGE),
    ],
)
def test_clear_runs_give_a_clear_verdict(factor: float, verdict: Verdict) -> None:
    """Eight quiet pairs decide a fifth, either way, and equality."""
    after = runs(*(factor * sec for sec in BASE))
    assert judge(runs(*BASE), after, ALPHA).verdict is verdict


def test_a_significant_change_within_the_margin_is_none() -> None:
    """3 % more, each time, is surely slower and surely less than 5 %."""
    quiet = [1 + 0.001 * step for step in range(10)]
    judgement = judge(runs(*quiet), runs(*(1.03 * sec for sec in quiet)), ALPHA)
    assert judgement.measure.p_value is not None
    assert judgement.measure.p_value < ALPHA
    assert judgement.verdict is Verdict.NO_CHANGE


def test_a_change_about_as_large_as_the_margin_is_left_open() -> None:
    """Significant, but perhaps under 5 %: no claim either way."""
    uneven = (1.05 * sec * (0.99, 1.01)[turn % 2] for turn, sec in enumerate(BASE))
    judgement = judge(runs(*BASE), runs(*uneven), ALPHA)
    assert judgement.verdict is Verdict.INCONCLUSIVE


def test_wide_spread_leaves_it_open() -> None:
    """Noise is not called equality."""
    judgement = judge(runs(*spread(1, 8, 0.2, 1)), runs(*spread(1.1, 8, 0.2, 2)), ALPHA)
    assert judgement.verdict is Verdict.INCONCLUSIVE


def test_seven_pairs_can_never_pass() -> None:
    """All seven slower is p = 0.016."""
    judgement = judge(runs(*BASE[:7]), runs(*(2 * sec for sec in BASE[:7])), ALPHA)
    assert judgement.verdict is Verdict.INCONCLUSIVE


def test_a_program_that_waits_is_judged_by_the_wall_clock() -> None:
    """Half of a waiting program's CPU time tells nothing of its speed."""
    judgement = judge(runs(*BASE, share=0.3), runs(*BASE, share=0.3), ALPHA)
    assert judgement.decided_by is MeasureName.WALL
    assert judgement.measure.before_sec == pytest.approx(1.0 / 0.3)


def test_a_program_that_starts_to_wait_is_judged_by_the_wall_clock() -> None:
    """An added sleep costs no CPU and must still be found."""
    judgement = judge(runs(*BASE), runs(*BASE, share=0.4), ALPHA)
    assert judgement.decided_by is MeasureName.WALL
    assert judgement.verdict is Verdict.REGRESSION
    assert judgement.other is judgement.cpu


def test_a_short_sleep_in_a_computing_program_is_found() -> None:
    """It costs no CPU, but the program waits more than it did."""
    judgement = judge(runs(*BASE), runs(*BASE, share=1 / 1.15), ALPHA)
    assert judgement.decided_by is MeasureName.WALL
    assert judgement.verdict is Verdict.REGRESSION


def test_a_program_on_two_processors_waits_for_nothing() -> None:
    """More CPU seconds than wall-clock seconds are not a negative wait."""
    judgement = judge(runs(*BASE, share=1.9), runs(*BASE, share=1.7), ALPHA)
    assert judgement.decided_by is MeasureName.CPU


@pytest.mark.parametrize(
    ("first", "most", "sizes"),
    [(8, 8, [8]), (8, 20, [8, 16, 20]), (10, 20, [10, 20]), (10, 80, [10, 20, 40, 80])],
)
def test_looks_double_and_share_the_error_rate(first: int, most: int, sizes: list[int]) -> None:
    """However often the data is looked at, false alarms stay below one in a hundred."""
    planned = list(looks(first, most))
    assert [size for size, _ in planned] == sizes
    assert sum(alpha for _, alpha in planned) == pytest.approx(ALPHA)
    assert min(alpha for _, alpha in planned) > 0


@pytest.mark.parametrize(("first", "most"), [(8, 8), (8, 80), (9, 80), (10, 80)])
def test_the_first_look_can_pass(first: int, most: int) -> None:
    """All pairs alike are two of 2 ** n sign patterns: the first share must not be below it."""
    assert next(looks(first, most))[1] > 2 / 2**first


def test_equal_programs_are_rarely_called_different() -> None:
    """Sixty sequential experiments on equal programs with a 5 % spread: one alarm at most."""
    alarms = 0
    for seed in range(60):
        before, after = spread(1, 20, 0.05, 2 * seed), spread(1, 20, 0.05, 2 * seed + 1)
        for size, alpha in looks(8, 20):
            verdict = judge(runs(*before[:size]), runs(*after[:size]), alpha).verdict
            if verdict is not Verdict.INCONCLUSIVE:
                alarms += verdict is not Verdict.NO_CHANGE
                break
    assert alarms <= 1


def test_a_seventh_more_is_nearly_always_found() -> None:
    """Thirty sequential experiments with 15 % more and a 5 % spread: 28 found at least."""
    found = 0
    for seed in range(30):
        before, after = spread(1, 20, 0.05, 2 * seed), spread(1.15, 20, 0.05, 2 * seed + 1)
        for size, alpha in looks(8, 20):
            verdict = judge(runs(*before[:size]), runs(*after[:size]), alpha).verdict
            if verdict is not Verdict.INCONCLUSIVE:
                found += verdict is Verdict.REGRESSION
                break
    assert found >= 28
