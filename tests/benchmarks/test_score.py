"""Judging what was said of a program."""

from dataclasses import replace

import pytest

from benchmarks._report import Bar, Report, quantile
from benchmarks.ground_truth.corpus import Program, Spot
from benchmarks.ground_truth.page import page
from benchmarks.ground_truth.score import Observed, Score, bars, score

HOT, ALLOC, LEAK, OTHER = (Spot("main.py", lineno) for lineno in (1, 2, 3, 4))

BLANK = Program(
    name="sample",
    files={"main.py": "a\nb\nc\nd\n"},
    script="main.py",
    hot=frozenset(),
    alloc=frozenset(),
    leaks={},
    maybe=frozenset(),
)

BLANK_ROW = ("sample", "no leak", "no leak", "right")


def leak_score(rate: float, true_rate: float = 10.0) -> Score:
    program = replace(BLANK, leaks={"": LEAK})
    return score(program, Observed(leaks=((LEAK, rate),), true_rates=(("", true_rate),)))


def test_only_the_first_line_counts_as_the_hottest() -> None:
    """Second place is wrong."""
    program = replace(BLANK, hot=frozenset({HOT}))
    assert score(program, Observed(cpu=(HOT, OTHER))).right
    assert not score(program, Observed(cpu=(OTHER, HOT))).right


def test_the_same_line_of_another_file_is_wrong() -> None:
    """A line number alone is no place."""
    program = replace(BLANK, hot=frozenset({HOT}))
    assert not score(program, Observed(cpu=(Spot("other.py", 1),))).right


def test_no_hotspot_at_all_is_wrong() -> None:
    """An empty list answers nothing."""
    assert not score(replace(BLANK, hot=frozenset({HOT})), Observed()).right


def test_two_allocation_lines_may_come_in_either_order() -> None:
    """The planted lines have to lead the list, all of them."""
    program = replace(BLANK, alloc=frozenset({ALLOC, LEAK}))
    assert score(program, Observed(memory=(LEAK, ALLOC, OTHER))).right
    assert not score(program, Observed(memory=(LEAK, OTHER, ALLOC))).right


@pytest.mark.parametrize(
    ("rate", "right"), [(12.4, True), (7.6, True), (12.6, False), (7.4, False)]
)
def test_a_leak_s_rate_may_be_off_by_a_quarter(rate: float, right: bool) -> None:
    """The bar is 25 % of the rate that the program measured of itself."""
    assert leak_score(rate).right is right


def test_a_leak_whose_true_rate_is_unknown_is_not_right() -> None:
    """Nothing can be claimed of a run that did not measure itself."""
    program = replace(BLANK, leaks={"": LEAK})
    assert not score(program, Observed(leaks=((LEAK, 10.0),))).right


def test_a_leak_on_another_line_is_false() -> None:
    """A neighbour of the leak is a false positive, and the leak is missed."""
    program = replace(BLANK, leaks={"": LEAK})
    judged = score(program, Observed(leaks=((OTHER, 10.0),), true_rates=(("", 10.0),)))
    assert (judged.found, judged.false_leaks) == (0, (OTHER,))


def test_a_line_that_may_leak_is_neither_found_nor_false() -> None:
    """What grows without being planted is not judged."""
    program = replace(BLANK, maybe=frozenset({OTHER}))
    assert score(program, Observed(leaks=((OTHER, 3.0),))).right


def test_a_program_that_could_not_be_profiled_is_wrong() -> None:
    """No answer is never a right answer, not even of a clean program."""
    assert not score(BLANK, Observed(problem="it crashed")).right


def test_the_bars_fail_on_one_false_leak() -> None:
    """No false positive is the rule, not few."""
    false = score(BLANK, Observed(leaks=((OTHER, 3.0),)))
    failed = [bar.what for bar in bars([false, score(BLANK, Observed())]) if not bar.passed]
    assert failed == ["false leaks, in 2 programs"]


def test_the_bars_fail_on_missed_leaks_and_wrong_rates() -> None:
    """Ten leaks: one may be missed, none may be told with a wrong rate."""
    missed = score(replace(BLANK, leaks={"": LEAK}), Observed())
    good = leak_score(10.0)
    assert all(bar.passed for bar in bars([missed, *[good] * 9]))
    assert not all(bar.passed for bar in bars([missed, missed, *[good] * 8]))
    assert not all(bar.passed for bar in bars([leak_score(20.0), *[good] * 9]))


def test_an_unknown_figure_keeps_no_bar() -> None:
    """What could not be measured did not pass."""
    assert not Bar.at_most("p50, ms", None, 10).passed
    assert not Bar.at_least("found", None, 0).passed


def test_a_quantile_is_a_value_that_was_measured() -> None:
    """Nearest rank, without interpolation."""
    assert quantile(list(range(1, 101)), 0.99) == 100
    with pytest.raises(ValueError, match="no values"):
        quantile([], 0.5)


def test_a_missed_bar_is_the_exit_status(capsys: pytest.CaptureFixture[str]) -> None:
    """Scripts and CI see the verdict without reading the table."""
    bad = Report("title", ("what",), [("row",)], [Bar.at_most("ms", 11, 10)])
    assert bad.finish(as_json=False) == 1
    assert "FAIL" in capsys.readouterr().out
    assert replace(bad, bars=[]).finish(as_json=True) == 0
    assert '"passed": true' in capsys.readouterr().out


def test_the_page_shows_every_bar_and_row() -> None:
    """The table in the docs is the report, not a copy by hand."""
    report = Report("title", ("program",), [BLANK_ROW], [Bar.at_most("ms", 11, 10)], "2 cores")
    text = page(report)
    assert "| ms | 11 | at most 10 |" in text
    assert "| `sample` | no leak | no leak | right |" in text
    assert "2 cores" in text
