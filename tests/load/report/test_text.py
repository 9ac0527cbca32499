"""The report in a terminal."""

from rich.console import Console

from dynogate.load.report.document import Report, Run
from dynogate.load.report.text import report_text, summary
from tests.load.report.example import INVALID, ramp_up, report, sustained


def printed(told: Report) -> str:
    console = Console(width=160, no_color=True)
    with console.capture() as capture:
        console.print(report_text(told))
    return capture.get()


def failed() -> Run:
    run = sustained()
    limits = tuple(limit.model_copy(update={"passed": False}) for limit in run.thresholds[:1])
    return run.model_copy(update={"thresholds": limits, "interrupted": True, "warnings": ("hm",)})


def test_the_verdict_comes_first_and_everything_else_follows() -> None:
    """Figures, steps, findings."""
    text = printed(report(sustained(), ramp_up()))
    assert text.startswith("HELD  The generator did what it was asked; all 4 limits were kept. But")
    for part in (
        "ramp-up: open loop, 19 steps",
        "sustained: open loop, 600 s",
        "60,000 calls (OK 59,877, SHED 123), 99.8 % succeeded",
        "breaking point: breaks at ",
        "  held means: at least 95 % of the calls succeed",
        "scalability: contention",
        "recovery after overload: 2.50 s",
        "memory (RSS): leak: ",
        "kept: execute_query: p99 of the response time",
        "generator: VALID",
    ):
        assert part in text


def test_both_times_stand_under_each_other() -> None:
    """Response time first: it is what a caller waits."""
    lines = printed(report(sustained())).splitlines()
    at = next(number for number, line in enumerate(lines) if line.startswith("response time"))
    assert lines[at + 1].startswith("service time")


def test_a_failed_run_says_what_was_not_kept() -> None:
    """In the first line, and again beneath."""
    text = printed(report(failed()))
    assert text.startswith("FAILED  Not kept: share of failed calls")
    assert "600 s, interrupted" in text
    assert "NOT KEPT: share of failed calls" in text
    assert "beware: hm" in text


def test_an_invalid_run_says_that_no_figure_counts() -> None:
    """With the generator's own reasons."""
    text = printed(report(sustained(INVALID)))
    assert text.startswith("INVALID  The generator could not do what it was asked")
    assert "  late sends: 1 % were over 38.0 ms late" in text


def test_a_run_without_limits_says_so() -> None:
    """Held is not much where nothing was asked."""
    assert "no limit was asked for" in summary(report(ramp_up()))
    one = ramp_up().model_copy(update={"thresholds": sustained().thresholds[:1]})
    assert "the limit was kept" in summary(report(one))
    lost = report(ramp_up()).model_copy(update={"verdict": "failed"})
    assert summary(lost) == "The run failed."
