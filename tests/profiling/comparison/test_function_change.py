"""Functions paired and their times compared, by dynogate.profiling.comparison.function_change."""

import json
from collections.abc import Sequence
from typing import Any

import pytest

from dynogate.profiling.comparison.function_change import (
    Attribution,
    attribute,
    measure_side,
    program_files,
)
from dynogate.profiling.comparison.models import FunctionChange, PairedBy
from dynogate.profiling.models import ProfileResult, StackSample
from tests.profiles import (
    SCRIPT,
    sample_file,
    sample_line,
    sample_profile,
    sample_stack,
    sample_target,
)

TEXT = """\
def parse(n):
    total = 0
    for i in range(n):
        total += i
    return total


def render(n):
    return "x" * n


def main():
    parse(10)
    render(10)


main()
"""

Stack = tuple[tuple[str, int], ...]
PARSE: Stack = (("<module>", 17), ("main", 13), ("parse", 4))
RENDER: Stack = (("<module>", 17), ("main", 14), ("render", 9))


def profile(
    text: str, counts: dict[Stack, int], *, file: str = SCRIPT, **overrides: Any
) -> ProfileResult:
    """A profile of ``text`` with so many samples of each stack, at 100 a second."""
    stacks = tuple(
        sample_stack(*stack, file=file, cpu_sec=count / 100) for stack, count in counts.items()
    )
    fields = {"target": sample_target(file, source=text), "stacks": stacks, "files": (), "raw": b""}
    return sample_profile(**(fields | overrides))


def compared(
    before: ProfileResult, after: ProfileResult, change_sec: float | None = None
) -> Attribution:
    """Both sides measured by their own samples; the program's change is theirs unless given."""
    old_files, new_files = program_files(before, after)
    if change_sec is None:
        change_sec = sum(s.cpu_sec for s in after.stacks) - sum(s.cpu_sec for s in before.stacks)
    return attribute(measure_side(before, old_files), measure_side(after, new_files), change_sec)


def named(changes: Sequence[FunctionChange], name: str) -> FunctionChange:
    """The change of one function."""
    return next(change for change in changes if change.function == name)


def test_the_function_that_grew_is_the_culprit() -> None:
    """It comes first, with its place, times and the probability that it is the one."""
    found = compared(
        profile(TEXT, {PARSE: 200, RENDER: 200}), profile(TEXT, {PARSE: 320, RENDER: 205})
    )
    assert found.culprit is not None
    assert found.culprit is found.changes[0]
    assert (found.culprit.function, found.culprit.file, found.culprit.lineno) == (
        "parse",
        SCRIPT,
        1,
    )
    assert (found.culprit.before_sec, found.culprit.after_sec) == pytest.approx((2.0, 3.2))
    assert found.probability == pytest.approx(1, abs=0.01)


def test_the_interval_allows_for_three_times_poissons_variance() -> None:
    """sqrt(3 * (200 + 300)) samples of 10 ms, times 1.96."""
    found = compared(profile(TEXT, {PARSE: 200}), profile(TEXT, {PARSE: 300}))
    change = named(found.changes, "parse")
    half = (change.change_high_sec - change.change_low_sec) / 2
    assert half == pytest.approx(1.96 * 1500**0.5 / 100, rel=1e-6)


def test_runs_that_differ_by_themselves_widen_the_interval() -> None:
    """A slow spell that hit one function in one run is no proof against that function."""
    side = profile(TEXT, {})
    files, _ = program_files(side, side)

    def run(parse: float, render: float) -> list[StackSample]:
        return [sample_stack(*PARSE, cpu_sec=parse), sample_stack(*RENDER, cpu_sec=render)]

    steady = measure_side(side, files, [run(1.0, 1.0)] * 3)
    uneven = measure_side(side, files, [run(1.0, 1.0), run(1.0, 1.0), run(2.5, 0.8)])
    narrow = named(attribute(steady, steady, 0).changes, "parse")
    wide = named(attribute(steady, uneven, 0).changes, "parse")
    width = [change.change_high_sec - change.change_low_sec for change in (narrow, wide)]
    assert width[1] > 1.5 * width[0]


def test_changed_code_outweighs_a_change_of_the_same_size() -> None:
    """Where the times cannot tell two functions apart, the text can."""
    before = profile(TEXT, {PARSE: 100, RENDER: 100})
    after = profile(TEXT.replace('"x" * n', '"x" * n * 2'), {PARSE: 113, RENDER: 113})
    found = compared(before, after, 0.2)
    assert found.culprit is not None
    assert found.culprit.function == "render"
    assert found.culprit.text_changed is True
    assert named(found.changes, "parse").text_changed is False


def test_changed_code_that_costs_nothing_more_is_not_the_culprit() -> None:
    """``main`` passes a larger number; the time is spent in ``parse``."""
    before = profile(TEXT, {PARSE: 300, RENDER: 300})
    after = profile(TEXT.replace("parse(10)", "parse(15)"), {PARSE: 450, RENDER: 300})
    found = compared(before, after)
    assert found.culprit is not None
    assert found.culprit.function == "parse"
    assert found.culprit.changed_callers == ("main",)


def test_for_an_improvement_the_function_that_shrank_is_named() -> None:
    """The sign of the change is the program's."""
    found = compared(
        profile(TEXT, {PARSE: 400, RENDER: 200}), profile(TEXT, {PARSE: 200, RENDER: 215})
    )
    assert found.culprit is not None
    assert found.culprit.function == "parse"
    assert found.culprit.change_sec < 0


def test_without_a_change_there_is_no_culprit() -> None:
    """A table of functions accuses nobody."""
    found = compared(profile(TEXT, {PARSE: 100}), profile(TEXT, {PARSE: 100}), 0.0)
    assert (found.culprit, found.probability) == (None, None)
    assert len(found.changes) == 1


def test_moved_code_is_the_same_function() -> None:
    """Ten new lines above it change no function."""
    moved = tuple((name, line + 10) for name, line in PARSE)
    found = compared(profile(TEXT, {PARSE: 100}), profile("#\n" * 10 + TEXT, {moved: 100}))
    change = named(found.changes, "parse")
    assert (change.paired_by, change.text_changed, change.lineno) == (PairedBy.NAME, False, 11)
    assert change.change_sec == pytest.approx(0)


def test_a_renamed_function_is_found_by_its_code() -> None:
    """Its old name is told."""
    renamed = (("<module>", 17), ("main", 13), ("read", 4))
    found = compared(
        profile(TEXT, {PARSE: 100}), profile(TEXT.replace("parse", "read"), {renamed: 100})
    )
    change = named(found.changes, "read")
    assert (change.paired_by, change.old_name) == (PairedBy.TEXT, "parse")
    assert change.text_changed is False


def test_new_and_removed_functions_are_listed() -> None:
    """A function on one side only is its whole change."""
    other = TEXT.replace("def render(n):\n    return", "def paint(n):\n    return 1 and")
    other = other.replace("render(10)", "paint(10)")
    paint = (("<module>", 17), ("main", 14), ("paint", 9))
    found = compared(
        profile(TEXT, {PARSE: 100, RENDER: 50}), profile(other, {PARSE: 100, paint: 150})
    )
    added, removed = named(found.changes, "paint"), named(found.changes, "render")
    assert (added.paired_by, added.before_sec, added.text_changed) == (PairedBy.ADDED, 0, None)
    assert (removed.paired_by, removed.after_sec) == (PairedBy.REMOVED, 0)
    assert found.culprit is added


def test_two_files_of_different_names_are_one_program() -> None:
    """before.py and after.py are the same main file."""
    found = compared(
        profile(TEXT, {PARSE: 100}, file="/a/before.py"),
        profile(TEXT, {PARSE: 100}, file="/b/after.py"),
    )
    change = named(found.changes, "parse")
    assert (change.paired_by, change.file) == (PairedBy.NAME, "/b/after.py")


def test_library_time_is_its_callers() -> None:
    """A function that calls json owns what json costs, on both its own and its total time."""
    sample = StackSample.model_validate(
        {
            "frames": [
                {"file": SCRIPT, "function": "<module>", "lineno": 17},
                {"file": SCRIPT, "function": "parse", "lineno": 4},
                {"file": "/usr/lib/python3/json/__init__.py", "function": "dumps", "lineno": 9},
            ],
            "cpu_sec": 1.0,
            "count": 100,
        }
    )
    side = profile(TEXT, {}, stacks=(sample,))
    found = compared(side, side)
    assert [change.function for change in found.changes] == ["parse"]
    assert found.changes[0].after_total_sec == pytest.approx(1.0)


def test_total_time_counts_recursion_once() -> None:
    """A function that is on the stack three times was on it for one sample."""
    deep = (("<module>", 17), ("parse", 3), ("parse", 3), ("parse", 4))
    side = profile(TEXT, {deep: 100})
    assert named(compared(side, side).changes, "parse").before_total_sec == pytest.approx(1.0)


def test_a_helper_file_is_matched_by_its_path_within_the_program() -> None:
    """Two checkouts of one program in different folders hold the same helper."""
    stacks = [
        sample_stack(("helper", 3), file=f"{folder}/lib/x.py", cpu_sec=1.0)
        for folder in ("/one", "/two")
    ]
    helper = sample_file("/one/lib/x.py")  # costs too little after to be among the files there
    found = compared(
        profile(TEXT, {}, file="/one/app.py", stacks=(stacks[0],), files=(helper,)),
        profile(TEXT, {}, file="/two/app.py", stacks=(stacks[1],)),
    )
    change = named(found.changes, "helper")
    assert (change.paired_by, change.file) == (PairedBy.NAME, "/two/lib/x.py")
    assert change.text_changed is None


def test_a_snippet_is_matched_by_the_name_its_frames_carry() -> None:
    """Frames of profile_code are in code.py, its target is called <code>."""
    target = sample_target("<code>", kind="code", path=None, source=TEXT)
    stacks = (sample_stack(*PARSE, file="code.py", cpu_sec=1.0),)
    side = profile(TEXT, {}, target=target, stacks=stacks)
    assert named(compared(side, side).changes, "parse").text_changed is False


def test_without_stacks_the_lines_stand_in() -> None:
    """Self time is known from lines, calls are not."""
    lines = (
        sample_line(4, function="parse", cpu_percent=80.0),
        sample_line(9, function="render", cpu_percent=20.0),
    )
    part = sample_file().model_copy(update={"lines": lines})
    side = profile(TEXT, {}, files=(part,))
    found = compared(side, side)
    assert named(found.changes, "parse").before_sec == pytest.approx(0.8 * 1.9, rel=0.01)


def test_the_lines_that_changed_most_are_shown() -> None:
    """Lines are paired by their text, wherever they went; a new line starts at nothing."""
    body = "        total += i\n"
    other = TEXT.replace(body, body + "        total -= 1\n")
    extra = (*PARSE[:-1], ("parse", 5))
    found = compared(
        profile(TEXT, {PARSE: 100}),
        profile(other, {((("<module>", 18), ("main", 14), ("parse", 4))): 100, extra: 50}),
    )
    lines = named(found.changes, "parse").lines
    assert [(line.source, line.lineno) for line in lines] == [("total -= 1", 5), ("total += i", 4)]
    assert (lines[0].before_sec, lines[0].after_sec) == pytest.approx((0.0, 0.5))


def test_measured_seconds_are_shared_out_by_the_samples() -> None:
    """Samples give shares; the seconds come from runs without a profiler."""
    side = profile(TEXT, {PARSE: 300, RENDER: 100})
    files, _ = program_files(side, side)
    measured = measure_side(side, files, seconds=2.0)
    assert {key.name: cost.self_sec for key, cost in measured.costs.items() if cost.samples} == {
        "parse": pytest.approx(1.5),
        "render": pytest.approx(0.5),
    }


def test_a_profile_without_anything_has_no_changes() -> None:
    """Nothing is divided by zero."""
    empty = profile(TEXT, {})
    assert compared(empty, empty, 1.0) == Attribution((), None, None)


def test_helper_code_is_compared_where_the_raw_profile_is_at_hand() -> None:
    """Scalene's JSON holds the text of every profiled file."""

    def side(constant: int) -> ProfileResult:
        lines = ["def helper(n):", f"    return n * {constant}"]
        raw = {
            "files": {
                "/srv/app/lib.py": {
                    "lines": [
                        {"lineno": number, "line": f"{line}\n", "n_cpu_percent_python": 50.0}
                        for number, line in enumerate(lines, start=1)
                    ]
                }
            }
        }
        stack = sample_stack(("helper", 2), file="/srv/app/lib.py", cpu_sec=1.0)
        return profile(
            TEXT,
            {},
            stacks=(stack,),
            files=(sample_file("/srv/app/lib.py"),),
            raw=json.dumps(raw).encode(),
        )

    assert named(compared(side(2), side(2)).changes, "helper").text_changed is False
    assert named(compared(side(2), side(3)).changes, "helper").text_changed is True
