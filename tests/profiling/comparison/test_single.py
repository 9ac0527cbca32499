"""What one profile a side can claim, by dynogate.profiling.comparison.single."""

from typing import Any

import pytest

from dynogate.errors import NotComparable
from dynogate.profiling.comparison.models import MeasureName, Verdict
from dynogate.profiling.comparison.single import judge_profiles
from dynogate.profiling.models import ProfileResult, RunOptions
from tests.profiles import sample_profile, sample_summary


def profile(cpu: float | None, wall: float, repeats: int = 1, **overrides: Any) -> ProfileResult:
    """A profile of so many seconds."""
    return sample_profile(
        summary=sample_summary(cpu_time_sec=cpu, elapsed_time_sec=wall, repeats=repeats),
        **overrides,
    )


@pytest.mark.parametrize(
    ("after", "verdict"),
    [
        (1.35, Verdict.REGRESSION),
        (0.65, Verdict.IMPROVEMENT),
        (1.25, Verdict.INCONCLUSIVE),
        (0.75, Verdict.INCONCLUSIVE),
        (1.00, Verdict.INCONCLUSIVE),
    ],
)
def test_only_a_large_change_is_claimed(after: float, verdict: Verdict) -> None:
    """Nothing under 30 % is a change, and equality is never shown."""
    judgement, reason = judge_profiles(profile(1.0, 1.1), profile(after, after * 1.1))
    assert judgement.verdict is verdict
    assert f"{100 * (after - 1):+.1f} %" in reason


def test_times_are_per_run_of_the_program() -> None:
    """A snippet repeated ten times is no tenfold regression."""
    judgement, _ = judge_profiles(profile(1.0, 1.0), profile(10.0, 10.0, repeats=10))
    assert judgement.measure.ratio == pytest.approx(1.0)


@pytest.mark.parametrize(
    ("overrides", "expected"),
    [
        ({"options": RunOptions(cpu_only=True)}, "memory profiling"),
        (
            {"environment": sample_profile().environment.model_copy(update={"host": "x"})},
            "host (bench-1 before, x after)",
        ),
    ],
)
def test_other_conditions_forbid_a_claim(overrides: dict[str, Any], expected: str) -> None:
    """Another machine or a heavier profiler explains any difference."""
    judgement, reason = judge_profiles(profile(1.0, 1.0), profile(3.0, 3.0, **overrides))
    assert judgement.verdict is Verdict.INCONCLUSIVE
    assert expected in reason


@pytest.mark.parametrize(
    ("summary", "expected"),
    [({"outcome": "timed_out"}, "not whole (timed_out)"), ({"exit_status": 1}, "end alike")],
)
def test_another_ending_forbids_a_claim(summary: dict[str, Any], expected: str) -> None:
    """A program that crashed early was not improved."""
    after = sample_profile(
        summary=sample_summary(cpu_time_sec=0.5, elapsed_time_sec=0.5, **summary)
    )
    judgement, reason = judge_profiles(profile(1.0, 1.0), after)
    assert judgement.verdict is Verdict.INCONCLUSIVE
    assert expected in reason


def test_a_very_short_run_forbids_a_claim() -> None:
    """At 10 ms a tick of the clock is half of the time."""
    judgement, reason = judge_profiles(profile(0.02, 0.02), profile(0.04, 0.04))
    assert judgement.verdict is Verdict.INCONCLUSIVE
    assert "less than 0.2 s" in reason


def test_waiting_alone_is_not_claimed() -> None:
    """A longer wall clock may be another program's doing."""
    judgement, reason = judge_profiles(profile(1.0, 3.0), profile(1.0, 6.0))
    assert judgement.decided_by is MeasureName.WALL
    assert judgement.verdict is Verdict.INCONCLUSIVE
    assert "other load" in reason


def test_unknown_cpu_time_is_not_claimed_either() -> None:
    """Somebody else's Scalene file has no CPU time."""
    judgement, _ = judge_profiles(profile(None, 1.0), profile(None, 2.0))
    assert (judgement.verdict, judgement.cpu) == (Verdict.INCONCLUSIVE, None)


def test_no_time_at_all_is_not_comparable() -> None:
    """Nothing can be said of nothing."""
    with pytest.raises(NotComparable, match="no time"):
        judge_profiles(profile(0.0, 0.0), profile(1.0, 1.0))
