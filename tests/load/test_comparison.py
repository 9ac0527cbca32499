"""Two reports side by side: what changed, what is noise, and what cannot be compared."""

import numpy as np
import pytest

from benchmarks.breaking_point import SERVERS
from benchmarks.load_comparison import report, run_once, verdicts
from dynogate.load.comparison import compare_reports
from dynogate.load.report.document import Report
from dynogate.load.samples import Outcome, Samples
from tests.load.report import example


@pytest.fixture(scope="module")
def before() -> Report:
    return report(run_once(np.random.default_rng(1)))


def failing(share: float) -> Report:
    """The same server, but some calls fail."""
    generator = np.random.default_rng(2)
    samples = run_once(generator)
    samples.outcome[generator.random(len(samples)) < share] = Outcome.TOOL_ERROR
    return report(samples)


def test_identical_servers_are_noise() -> None:
    """Different chances, same server."""
    assert {each.verdict for each in verdicts(range(5))} == {"noise"}


def test_a_slow_down_is_a_regression_and_the_reverse_an_improvement() -> None:
    """With the ratio's interval in the text."""
    (slower,) = verdicts([1], slower=1.5)
    (faster,) = verdicts([1], slower=0.6)
    assert (slower.verdict, faster.verdict) == ("regression", "improvement")
    median = slower.changes[0]
    assert median.ratio == pytest.approx(1.5, abs=0.15)
    assert median.low is not None
    assert 1.1 < median.low < 1.65
    assert median.text.startswith("regression: p50 of the response time 1")


def test_a_slow_tail_is_found_where_the_median_did_not_move() -> None:
    """One call in twenty-five takes ten times as long."""
    (told,) = verdicts([3], slow_tail=0.04)
    assert [each.verdict for each in told.changes[:3]] == ["noise", "noise", "regression"] or [
        each.verdict for each in told.changes[:3]
    ] == ["noise", "regression", "regression"]


def test_more_failures_are_a_regression(before: Report) -> None:
    """Whatever the latency is; and fewer are an improvement."""
    worse = compare_reports(before, failing(0.05))
    assert worse.verdict == "regression"
    assert worse.changes[-1].text.startswith("regression: share of failed calls 0 % -> ")
    assert compare_reports(failing(0.05), before).changes[-1].verdict == "improvement"


def test_lost_goodput_is_a_regression(before: Report) -> None:
    """Half of the calls are shed: those that are served are as fast as ever."""
    samples = run_once(np.random.default_rng(3))
    samples.outcome[::2] = Outcome.SHED
    told = compare_reports(before, report(samples))
    changed = {each.figure: each.verdict for each in told.changes}
    assert changed["successes a second"] == "regression"
    assert changed["p50 of the response time"] == "noise"


def test_a_run_without_successes_has_no_latency_to_compare(before: Report) -> None:
    """Unknown figures are no verdict; the failures are."""
    samples = run_once(np.random.default_rng(3))
    samples.outcome[:] = Outcome.CONNECTION
    told = compare_reports(before, report(samples))
    assert told.verdict == "regression"
    assert (told.changes[0].after, told.changes[0].ratio) == (None, None)
    assert told.changes[0].verdict == "noise"
    assert compare_reports(report(samples), before).verdict == "improvement"


def test_breaking_points_are_compared_by_their_repeats() -> None:
    """Twice the workers move the knee; another search of the same server does not."""
    one, again = example.ramp_up(SERVERS[3], 1), example.ramp_up(SERVERS[3], 2)
    half = example.ramp_up(SERVERS[2], 3)
    assert compare_reports(example.report(one), example.report(again)).verdict == "noise"
    worse = compare_reports(example.report(one), example.report(half))
    assert worse.verdict == "regression"
    assert [each.figure for each in worse.changes] == ["breaking point"]


def test_exact_knees_are_compared_exactly() -> None:
    """Repeats that agree to the last digit have no scatter to divide by."""
    run = example.ramp_up()
    assert run.breaking_point is not None
    exact = run.breaking_point.model_copy(update={"edges": (100.0, 100.0, 100.0)})
    same = example.report(run.model_copy(update={"breaking_point": exact}))
    assert compare_reports(same, same).verdict == "noise"


def test_an_invalid_report_is_not_compared(before: Report) -> None:
    """Its figures are the generator's."""
    invalid = before.model_copy(update={"verdict": "invalid"})
    told = compare_reports(before, invalid)
    assert (told.verdict, told.changes) == ("incomparable", ())
    assert "after is INVALID" in told.text


def test_a_short_run_is_not_compared() -> None:
    """A few windows say nothing of how the server scatters."""
    at = np.arange(5) / 10
    short = report(Samples(at, at, at + 0.01, np.zeros(5, np.uint8), 0.5))
    told = compare_reports(short, short)
    assert told.verdict == "incomparable"
    assert told.caveats == ("concurrent: 5 windows of a run; at least 10 are needed",)


def test_what_differs_between_the_runs_is_said(before: Report) -> None:
    """Another machine, another rate: the reader decides."""
    options = {"rate": 100.0, "json": "before.json"}
    other = before.model_copy(
        update={
            "environment": before.environment.model_copy(update={"machine": "64 cores"}),
            "options": {"rate": 200.0, "json": "after.json"},
        }
    )
    told = compare_reports(before.model_copy(update={"options": options}), other)
    assert told.caveats == (
        "another machine: simulated, then 64 cores",
        "another rate: 100.0, then 200.0",
    )
    assert "  beware: another rate" in told.text


def test_a_missing_run_is_said() -> None:
    """Only what both reports have is compared."""
    ramp, soak = example.ramp_up(), example.sustained()
    told = compare_reports(example.report(soak, ramp), example.report(soak))
    assert "the newer report has no ramp-up run" in told.caveats
    assert {each.run for each in told.changes} == {"sustained"}


def test_a_share_is_a_share(before: Report) -> None:
    """Ten is not ten percent."""
    with pytest.raises(ValueError, match="10 is no share"):
        compare_reports(before, before, min_change=10)
