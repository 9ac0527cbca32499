"""Self and inclusive time of functions, their callers and callees, and their memory."""

from pathlib import Path
from typing import Any

import pytest

from dynogate.profiling.analysis.analyzer import ProfileAnalyzer
from dynogate.profiling.analysis.functions import NO_STACKS, FunctionCost
from dynogate.profiling.models import FileProfile, Frame, RunOptions, StackSample
from tests.profiles import (
    SCRIPT,
    sample_file,
    sample_function,
    sample_line,
    sample_profile,
    sample_stack,
    sample_summary,
    sample_target,
)

LIBRARY = "/usr/lib/python3.11/json/encoder.py"


def functions(**overrides: Any) -> dict[str, FunctionCost]:
    """The functions of a sample profile, by name; seconds are those of its stacks."""
    overrides.setdefault("summary", sample_summary(cpu_time_sec=None))
    summary = ProfileAnalyzer(sample_profile(**overrides)).get_function_summary(top_n=100)
    return {row.function: row for row in summary.functions}


def stack(cpu_sec: float, *frames: tuple[str, str, int]) -> StackSample:
    """A stack of (file, function, line), root first."""
    return StackSample(
        frames=tuple(Frame(file=f, function=n, lineno=line) for f, n, line in frames),
        cpu_sec=cpu_sec,
        count=1,
    )


def test_self_and_inclusive_time_come_from_the_stacks() -> None:
    """The module itself did nothing, but all the time passed inside it."""
    rows = functions()
    assert rows["square_sum"].self_sec == pytest.approx(1.81)
    assert rows["square_sum"].self_percent == pytest.approx(95.26)
    assert (rows["<module>"].self_sec, rows["<module>"].inclusive_percent) == (0.0, 100.0)


def test_functions_come_by_self_time() -> None:
    """The function that burns the CPU comes before the one that only calls it."""
    summary = ProfileAnalyzer(sample_profile()).get_function_summary()
    assert [row.function for row in summary.functions] == ["square_sum", "grow", "<module>"]


def test_top_n_cuts_the_list_and_counts_the_rest() -> None:
    """The text says how many functions there are beyond those shown."""
    summary = ProfileAnalyzer(sample_profile()).get_function_summary(top_n=1)
    assert (len(summary.functions), summary.functions_seen) == (1, 3)
    assert "… and 2 more" in summary.text()


def test_a_function_is_placed_at_its_def() -> None:
    """Rows name the line of the def and its text, whichever line was sampled."""
    row = functions()["square_sum"]
    assert (row.file, row.lineno, row.source) == (SCRIPT, 4, "def square_sum(n):")


def test_a_function_without_cost_of_its_own_is_placed_where_it_was_first_seen() -> None:
    """Only the stacks know it, and they know lines, not defs."""
    stacks = (sample_stack(("<module>", 20), ("main", 18), ("grow", 13), cpu_sec=1.0),)
    assert functions(stacks=stacks)["main"].lineno == 18


def test_callers_share_the_calls_they_made() -> None:
    """Three quarters of the time of a helper were spent for one of its two callers."""
    stacks = (
        sample_stack(("<module>", 16), ("often", 3), ("helper", 7), cpu_sec=3.0),
        sample_stack(("<module>", 17), ("seldom", 5), ("helper", 7), cpu_sec=1.0),
    )
    rows = functions(stacks=stacks)
    callers = [(n.function, n.percent) for n in rows["helper"].callers]
    assert callers == [("often", 75.0), ("seldom", 25.0)]


def test_callees_share_the_time_of_their_caller() -> None:
    """What a function spends in each function it calls, as a share of its own inclusive time."""
    rows = functions()
    callees = {n.function: n.percent for n in rows["<module>"].callees}
    assert list(callees) == ["square_sum", "grow"]
    assert callees == pytest.approx({"square_sum": 95.26, "grow": 4.74})


def test_recursion_counts_once_for_each_stack() -> None:
    """A function ten deep in itself was not on the CPU for ten times as long."""
    deep = sample_stack(("<module>", 16), *[("fib", 7)] * 10, cpu_sec=2.0)
    row = functions(stacks=(deep,))["fib"]
    assert (row.inclusive_sec, row.self_sec, row.recursive) == (2.0, 2.0, True)
    assert [(n.function, n.percent) for n in row.callers] == [("<module>", 100.0)]
    assert row.callees == ()


def test_mutual_recursion_counts_each_function_once() -> None:
    """Two functions that call each other are both on the stack all the time."""
    frames = [("ping", 6), ("pong", 7)] * 3
    rows = functions(stacks=(sample_stack(("<module>", 16), *frames, cpu_sec=1.0),))
    assert (rows["ping"].inclusive_sec, rows["pong"].inclusive_sec) == (1.0, 1.0)
    assert [n.function for n in rows["ping"].callers] == ["<module>"]
    assert [n.percent for n in rows["ping"].callees] == [100.0]


def test_library_time_belongs_to_the_profiled_function_that_called_it() -> None:
    """As on the lines: library code is no row of its own, but it is named among the callees."""
    stacks = (stack(1.0, (SCRIPT, "square_sum", 7), (LIBRARY, "dumps", 5), (LIBRARY, "encode", 9)),)
    rows = functions(stacks=stacks)
    assert "dumps" not in rows
    assert rows["square_sum"].self_sec == 1.0
    assert [(n.file, n.function) for n in rows["square_sum"].callees] == [(LIBRARY, "dumps")]


def test_a_stack_of_library_code_only_is_nobodys_time() -> None:
    """A thread of a library counts in the total, but for none of the program's functions."""
    stacks = (stack(1.0, (LIBRARY, "watch", 5)), stack(3.0, (SCRIPT, "grow", 13)))
    assert functions(stacks=stacks)["grow"].self_percent == 75.0


def test_a_method_is_known_by_its_qualified_name() -> None:
    """Frames on lines with and without cost of their own are one function."""
    line = sample_line(7, function="Box.fill", cpu_percent=100.0)
    box = sample_function("Box.fill", first_lineno=5, last_lineno=9)
    part = FileProfile(file=SCRIPT, cpu_percent=100.0, lines=(line,), functions=(box,))
    stacks = (sample_stack(("fill", 7), cpu_sec=1.0), sample_stack(("fill", 8), cpu_sec=1.0))
    rows = functions(files=(part,), stacks=stacks)
    assert (list(rows), rows["Box.fill"].self_sec) == (["Box.fill"], 2.0)


def test_a_comprehension_belongs_to_its_function() -> None:
    """Its own frame, before Python 3.12, is no recursion and no function."""
    stacks = (sample_stack(("square_sum", 6), ("<listcomp>", 7), cpu_sec=1.0),)
    rows = functions(stacks=stacks)
    assert "<listcomp>" not in rows
    assert (rows["square_sum"].self_sec, rows["square_sum"].recursive) == (1.0, False)


@pytest.mark.parametrize("name", ["square_sum.<locals>.<genexpr>.<listcomp>", "<listcomp>"])
def test_a_comprehension_belongs_to_its_function_by_any_name(name: str) -> None:
    """Samplers give qualified names or bare ones."""
    rows = functions(stacks=(sample_stack(("square_sum", 6), (name, 7), cpu_sec=1.0),))
    assert rows["square_sum"].self_sec == 1.0
    assert not any("comp>" in function for function in rows)


def test_a_comprehension_on_an_unknown_line_belongs_to_the_module() -> None:
    """Only a module's own comprehension has no function in its name."""
    assert "<module>" in functions(stacks=(sample_stack(("<listcomp>", 20), cpu_sec=1.0),))


def test_seconds_are_those_of_the_run() -> None:
    """Stacks give shares; the run's own CPU time says of what."""
    summary = sample_summary(cpu_time_sec=3.8)
    row = functions(summary=summary)["square_sum"]
    assert row.self_sec == pytest.approx(2 * 1.81)


def test_a_lambda_is_a_function_of_its_own() -> None:
    """It may run far from the function whose line it is on."""
    assert "<lambda>" in functions(stacks=(sample_stack(("<lambda>", 7), cpu_sec=1.0),))


def test_memory_is_summed_over_the_lines_of_a_function() -> None:
    """What each function allocated and retained, and unknown where no line knows."""
    rows = functions()
    assert (rows["grow"].malloc_mb, rows["grow"].retained_mb) == (64.0, 64.0)
    assert (rows["square_sum"].malloc_mb, rows["square_sum"].retained_mb) == (0.0, None)


def test_retained_memory_of_several_lines_adds_up() -> None:
    """Two lines of one function keep memory."""
    lines = tuple(sample_line(n, function="grow", retained_mb=8.0) for n in (12, 13))
    part = FileProfile(file=SCRIPT, cpu_percent=0.0, lines=lines)
    assert functions(files=(part,))["grow"].retained_mb == 16.0


def test_unprofiled_memory_is_unknown() -> None:
    """Null, not 0, where the run did not look."""
    row = functions(options=RunOptions(cpu_only=True))["grow"]
    assert (row.malloc_mb, row.retained_mb) == (None, None)


def test_without_stacks_only_own_shares_are_known() -> None:
    """The lines give each function's own share; the report says what it cannot know."""
    summary = ProfileAnalyzer(sample_profile(stacks=())).get_function_summary()
    hottest = summary.functions[0]
    assert (hottest.function, hottest.self_percent) == ("square_sum", 95.0)
    assert (hottest.self_sec, hottest.inclusive_sec, hottest.recursive) == (None, None, None)
    assert summary.has_stacks is False
    assert NO_STACKS in summary.text()


def test_a_main_file_without_costly_lines_is_still_the_program() -> None:
    """A script that only calls a module of its own shows up with its inclusive time."""
    module = "/srv/app/work.py"
    stacks = (stack(1.0, (SCRIPT, "<module>", 20), (module, "grow", 13)),)
    row = functions(stacks=stacks, files=(sample_file(module),))["<module>"]
    assert (row.file, row.lineno, row.inclusive_percent) == (SCRIPT, 1, 100.0)


def test_functions_as_text() -> None:
    """The table is followed by who calls the hottest functions and what they call."""
    text = ProfileAnalyzer(sample_profile()).get_function_summary().text()
    assert "square_sum is called by <module> 100.0 %" in text
    assert "<module> calls square_sum 95.3 %, grow 4.7 %" in text


def test_no_function_is_said_to_be_none() -> None:
    """An empty profile is no table without rows."""
    empty = sample_profile(files=(), stacks=(), target=sample_target(path=None))
    assert ProfileAnalyzer(empty).get_function_summary().text().startswith("No function was seen")


def test_the_def_line_of_an_imported_file_is_read_from_disk(tmp_path: Path) -> None:
    """Its text counts while every profiled line still reads as it did."""
    module = tmp_path / "work.py"
    module.write_text("def grow(n):\n    kept = n * [0]\n")
    line = sample_line(2, function="grow", source="    kept = n * [0]", cpu_percent=9.0)
    grow = sample_function("grow", first_lineno=1, last_lineno=2)
    part = FileProfile(file=str(module), cpu_percent=9.0, lines=(line,), functions=(grow,))
    assert functions(files=(part,), stacks=())["grow"].source == "def grow(n):"
