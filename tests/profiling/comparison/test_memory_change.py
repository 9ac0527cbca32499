"""Memory of two profiles compared by line, by dynogate.profiling.comparison.memory_change."""

from typing import Any

from dynogate.profiling.comparison.function_change import program_files
from dynogate.profiling.comparison.memory_change import compare_memory
from dynogate.profiling.comparison.models import MemoryChange
from dynogate.profiling.models import ProfileResult
from tests.profiles import sample_file, sample_line, sample_profile, sample_summary, sample_target


def profile(*lines: tuple[int, str, float, float | None], footprint: float = 80.0) -> ProfileResult:
    """A profile whose lines are (number, text, allocated MB, retained MB)."""
    rows = tuple(
        sample_line(number, source=text, function="grow", malloc_mb=malloc, retained_mb=retained)
        for number, text, malloc, retained in lines
    )
    part = sample_file().model_copy(update={"lines": rows})
    return sample_profile(files=(part,), summary=sample_summary(max_footprint_mb=footprint))


def compared(before: ProfileResult, after: ProfileResult) -> MemoryChange:
    """The change, where both sides know their memory."""
    change = compare_memory(before, after, *program_files(before, after))
    assert change is not None
    return change


def test_a_line_that_moved_is_the_same_line() -> None:
    """Lines are paired by their text and function, not by their number."""
    change = compared(
        profile((13, "kept.append(x)", 64.0, 64.0)), profile((20, "kept.append(x)", 96.0, 96.0))
    )
    (line,) = change.lines
    assert (line.before_lineno, line.after_lineno) == (13, 20)
    assert (line.before_retained_mb, line.after_retained_mb) == (64.0, 96.0)


def test_equal_lines_are_paired_in_their_order() -> None:
    """Two lines with one text stay two lines."""
    change = compared(
        profile((1, "f()", 10.0, None), (2, "f()", 20.0, None)),
        profile((1, "f()", 10.0, None), (2, "f()", 90.0, None)),
    )
    assert [line.after_lineno for line in change.lines] == [2]


def test_a_new_line_has_no_line_before() -> None:
    """What was not there is null, and its memory zero."""
    (line,) = compared(profile(), profile((3, "x = big()", 50.0, None))).lines
    assert (line.before_lineno, line.before_malloc_mb) == (None, 0.0)
    assert line.after_retained_mb is None


def test_a_removed_line_has_no_line_after() -> None:
    """The other way round."""
    (line,) = compared(profile((3, "x = big()", 50.0, 2.0)), profile()).lines
    assert (line.after_lineno, line.after_malloc_mb, line.after_retained_mb) == (None, 0.0, 0.0)


def test_changes_below_the_samplers_grain_are_left_out() -> None:
    """Scalene counts in steps of 1 MB, and 10 % is within chance."""
    change = compared(
        profile((1, "a", 0.5, 0.0), (2, "b", 100.0, 0.0)),
        profile((1, "a", 1.2, 0.0), (2, "b", 108.0, 0.0)),
    )
    assert change.lines == ()


def test_the_largest_change_comes_first() -> None:
    """By its size against what counts as a change of that line."""
    change = compared(
        profile((1, "a", 1.0, None), (2, "b", 100.0, None)),
        profile((1, "a", 90.0, None), (2, "b", 130.0, None)),
    )
    assert [line.source for line in change.lines] == ["a", "b"]


def test_footprints_are_given_even_where_no_line_changed() -> None:
    """The two totals are always shown."""
    change = compared(profile(footprint=80.0), profile(footprint=95.0))
    assert (change.before_max_footprint_mb, change.after_max_footprint_mb) == (80.0, 95.0)


def test_without_memory_profiling_there_is_no_comparison() -> None:
    """Unknown is None, never 0."""
    unknown: Any = sample_profile(summary=sample_summary(max_footprint_mb=None))
    assert compare_memory(profile(), unknown, *program_files(profile(), unknown)) is None


def test_two_main_files_are_one_file() -> None:
    """before.py and after.py hold the same lines."""
    before = profile((1, "a", 10.0, None))
    part = before.files[0].model_copy(update={"file": "/other/after.py"})
    after = before.model_copy(update={"files": (part,), "target": sample_target("/other/after.py")})
    assert compared(before, after).lines == ()
