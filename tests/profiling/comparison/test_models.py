"""What a comparison says in words, by dynogate.profiling.comparison.models."""

from typing import Any

import pytest

from dynogate.profiling.comparison.models import (
    Comparison,
    FunctionChange,
    LineChange,
    Measure,
    MeasureName,
    MemoryChange,
    MemoryLineChange,
    PairedBy,
    Verdict,
)


def measure(name: str = "cpu", **overrides: Any) -> Measure:
    """Ten runs a side, 15 % more after."""
    fields = {
        "name": name,
        "before_sec": 1.0,
        "after_sec": 1.15,
        "ratio": 1.15,
        "ratio_low": 1.12,
        "ratio_high": 1.18,
        "p_value": 0.0001,
        "runs_before": 10,
        "runs_after": 10,
    }
    return Measure.model_validate(fields | overrides)


def change(name: str = "parse", **overrides: Any) -> FunctionChange:
    """A function that grew by 0.15 s after its code was changed."""
    fields = {
        "file": "/srv/app.py",
        "function": name,
        "lineno": 4,
        "paired_by": "name",
        "text_changed": True,
        "before_sec": 0.4,
        "after_sec": 0.55,
        "change_sec": 0.15,
        "change_low_sec": 0.1,
        "change_high_sec": 0.2,
        "before_total_sec": 0.4,
        "after_total_sec": 0.55,
        "p_value": 0.001,
        "q_value": 0.004,
    }
    return FunctionChange.model_validate(fields | overrides)


def comparison(**overrides: Any) -> Comparison:
    """A regression found by re-runs."""
    fields = {
        "verdict": "regression",
        "reason": "CPU time grew by 15.0 %.",
        "basis": "reruns",
        "before_id": "p1",
        "after_id": "p2",
        "before_name": "/srv/app.py",
        "after_name": "/srv/app.py",
        "decided_by": "cpu",
        "cpu": measure(),
        "wall": measure("wall", before_sec=1.1, after_sec=1.3),
        "design": "10 runs a side",
        "culprit": change(),
        "culprit_probability": 0.99,
        "functions": (change(), change("render", text_changed=False)),
        "memory": None,
        "warnings": ("The two sides differ in host (a before, b after).",),
        "next_step": None,
    }
    return Comparison.model_validate(fields | overrides)


def test_the_verdict_comes_first() -> None:
    """A reader who stops after one line knows it."""
    assert comparison().text().splitlines()[0] == "REGRESSION: CPU time grew by 15.0 %."


def test_a_measure_tells_its_interval_p_and_runs() -> None:
    """The figures behind the verdict are all there."""
    assert measure().text() == (
        "CPU time: 1.000 s -> 1.150 s (+15.0 %; 95 % interval +12.0 % to +18.0 %; p = 0.0001; "
        "n = 10 + 10)"
    )


def test_a_single_measure_tells_what_it_lacks() -> None:
    """No interval and no p are invented."""
    single = measure(ratio_low=None, ratio_high=None, p_value=None, runs_before=1, runs_after=1)
    assert single.text() == "CPU time: 1.000 s -> 1.150 s (+15.0 %; n = 1 + 1)"


def test_the_measure_that_decided_is_told_first() -> None:
    """Then the other one."""
    lines = comparison(decided_by="wall").text().splitlines()
    assert lines[1].startswith("wall-clock time")
    assert lines[2].startswith("CPU time")


def test_the_measure_that_decided_is_at_hand() -> None:
    """CPU where it decided and is known."""
    assert comparison().measure.name is MeasureName.CPU
    assert comparison(decided_by="wall").measure.name is MeasureName.WALL
    assert comparison(decided_by="wall", cpu=None).measure.name is MeasureName.WALL


@pytest.mark.parametrize(
    ("overrides", "note"),
    [
        ({"text_changed": True}, "; its code changed"),
        ({"text_changed": False}, "; its code did not change"),
        (
            {"text_changed": False, "changed_callers": ("main",)},
            "; its code did not change, but that of main above it did",
        ),
        ({"text_changed": None}, ""),
        ({"text_changed": None, "paired_by": PairedBy.ADDED}, "; it was added"),
        ({"text_changed": None, "paired_by": PairedBy.REMOVED}, "; it was removed"),
    ],
)
def test_the_culprit_is_told_with_its_evidence(overrides: dict[str, Any], note: str) -> None:
    """Its place, its times, and whether its code changed."""
    text = comparison(culprit=change(**overrides)).text()
    assert f"Most likely cause: parse (/srv/app.py:4), 0.400 s -> 0.550 s{note}\n" in text


def test_the_culprits_lines_are_shown() -> None:
    """The line to look at, with its text."""
    line = LineChange(lineno=6, source="total += i", before_sec=0.3, after_sec=0.45)
    text = comparison(culprit=change(lines=(line,))).text()
    assert "      6  0.300 s -> 0.450 s  total += i" in text


@pytest.mark.parametrize(
    ("overrides", "remark"),
    [
        ({"paired_by": PairedBy.TEXT, "old_name": "read"}, "was read"),
        ({"paired_by": PairedBy.ADDED}, "added"),
        ({"text_changed": True}, "code changed"),
        ({"text_changed": False}, "0.004"),
    ],
)
def test_a_function_row_ends_with_what_became_of_it(overrides: dict[str, Any], remark: str) -> None:
    """Renamed, new, gone or changed."""
    text = comparison(culprit=None, functions=(change(**overrides),)).text()
    row = next(line for line in text.splitlines() if line.startswith("parse"))
    assert row.endswith(remark)


def test_a_long_table_says_how_many_rows_it_leaves_out() -> None:
    """Ten functions are enough to read."""
    functions = tuple(change(f"f{number}") for number in range(14))
    assert "… and 4 more functions" in comparison(functions=functions).text()


def test_memory_is_told_where_it_is_known() -> None:
    """Footprints and the lines behind them."""
    line = MemoryLineChange(
        file="<main>",
        function="grow",
        source="kept.append(x)",
        before_lineno=13,
        after_lineno=13,
        before_malloc_mb=64.0,
        after_malloc_mb=96.0,
        before_retained_mb=None,
        after_retained_mb=96.0,
    )
    memory = MemoryChange(before_max_footprint_mb=80.0, after_max_footprint_mb=112.0, lines=(line,))
    text = comparison(memory=memory).text()
    assert "Highest memory footprint: 80.0 MB -> 112.0 MB (one profile a side)" in text
    assert "grow: allocated 64.0 MB -> 96.0 MB, retained ? -> 96.0 MB  kept.append(x)" in text


def test_warnings_and_the_next_step_come_last() -> None:
    """What to distrust, and what to do."""
    text = comparison(verdict=Verdict.INCONCLUSIVE, next_step="Compare again.").text()
    assert text.splitlines()[-2:] == [
        "Warning: The two sides differ in host (a before, b after).",
        "Next: Compare again.",
    ]


def test_a_comparison_without_functions_has_no_table() -> None:
    """Nothing but the figures."""
    text = comparison(culprit=None, functions=()).text()
    assert "function " not in text
    assert "Most likely cause" not in text
