"""Whole comparisons by the comparator: real programs, run again and again."""

import hashlib
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from dynogate.errors import NotComparable, ToolCancelled
from dynogate.jobs.cancel import CancelToken
from dynogate.jobs.limits import Limits
from dynogate.profiling.capture.profiler import ScaleneProfiler
from dynogate.profiling.comparison import comparator as comparator_module
from dynogate.profiling.comparison.comparator import ProfileComparator
from dynogate.profiling.comparison.models import Comparison, MeasureName, Verdict
from dynogate.profiling.models import ProfileResult, RunOptions, Target
from tests.profiles import sample_profile, sample_stack, sample_summary

# Computes for a fixed amount of its own CPU time, so that the machine's speed does not matter.
PROGRAM = """\
import time


def parse(seconds={parse}):
    end = time.thread_time() + seconds
    while time.thread_time() < end:
        pass


def render(seconds={render}):
    end = time.thread_time() + seconds
    while time.thread_time() < end:
        pass


parse()
render()
{ending}
"""

Make = Callable[..., ProfileResult]


def profile_of(path: Path, text: str, **overrides: Any) -> ProfileResult:
    """A profile that says ``text`` was run as ``path``, outside a sandbox."""
    target = Target(
        kind="script",
        name=str(path),
        path=str(path),
        source=text,
        sha256=hashlib.sha256(text.encode()).hexdigest(),
    )
    sample = sample_profile()
    fields = {
        "target": target,
        "options": RunOptions(cpu_only=True),
        "environment": sample.environment.model_copy(update={"sandboxed": False}),
        "summary": sample_summary(max_footprint_mb=None),
        "files": (),
        "stacks": (sample_stack(("<module>", 16), ("parse", 6), file=str(path), cpu_sec=1.0),),
    }
    return sample.model_copy(update=fields | overrides)


@pytest.fixture
def make(tmp_path: Path) -> Make:
    """Writes a program to disk and gives a profile of it."""

    def made(
        name: str, parse: float = 0.1, render: float = 0.05, ending: str = "", **overrides: Any
    ) -> ProfileResult:
        text = PROGRAM.format(parse=parse, render=render, ending=ending)
        path = tmp_path / name
        path.write_text(text)
        return profile_of(path, text, **overrides)

    return made


def compare(before: ProfileResult, after: ProfileResult, **options: Any) -> Comparison:
    """The comparison with at most eight runs a side."""
    return ProfileComparator(limits=Limits(timeout_sec=60)).compare(
        before, after, **({"runs_per_side": 5, "max_runs_per_side": 8} | options)
    )


def test_a_regression_is_found_and_traced_to_its_function(make: Make) -> None:
    """Half again as much in one of two functions: the verdict, the function and its line."""
    found = compare(make("before.py"), make("after.py", parse=0.2))
    assert (found.verdict, found.basis) == (Verdict.REGRESSION, "reruns")
    assert found.decided_by is MeasureName.CPU
    assert "one after the other" in found.design  # there is no sandbox between them
    assert found.measure.change_percent == pytest.approx(67, abs=15)
    assert found.culprit is not None
    assert (found.culprit.function, found.culprit.text_changed) == ("parse", True)
    assert found.culprit.lines
    assert found.functions[0] == found.culprit
    assert found.next_step is None


def test_an_improvement_is_found_and_traced(make: Make) -> None:
    """The function that shrank is named."""
    found = compare(make("before.py", render=0.15), make("after.py"))
    assert found.verdict is Verdict.IMPROVEMENT
    assert found.culprit is not None
    assert found.culprit.function == "render"


def test_identical_code_is_no_change(make: Make) -> None:
    """A program that always costs the same is shown to."""
    found = compare(make("before.py"), make("after.py"))
    assert found.verdict is Verdict.NO_CHANGE
    assert found.culprit is None
    assert "less than 5 %" in found.reason


def test_waiting_is_found_by_the_wall_clock(make: Make) -> None:
    """A sleep costs no CPU; the function that sleeps is named."""
    sleep = "def nap():\n    time.sleep(0.3)\n\n\nnap()"
    found = compare(make("before.py"), make("after.py", ending=sleep))
    assert found.decided_by is MeasureName.WALL
    assert found.verdict is Verdict.REGRESSION
    assert found.culprit is not None
    assert found.culprit.function == "nap"


def test_an_open_first_look_is_followed_by_more_runs(make: Make) -> None:
    """A program with a will of its own: the runs are doubled up to the bound, and it is said."""
    noise = "import random\nparse(random.SystemRandom().choice([0, 0.1]))"
    before, after = make("before.py", ending=noise), make("after.py", ending=noise)
    found = compare(before, after, max_runs_per_side=9)
    assert found.verdict is Verdict.INCONCLUSIVE
    assert found.measure.runs_before == found.measure.runs_after == 9
    assert "at each doubling up to 9" in found.design
    assert found.next_step is not None
    assert "runs_per_side=18" in found.next_step


def test_no_further_round_is_begun_that_the_budget_cannot_hold(make: Make) -> None:
    """A comparison has an end, whatever was asked for."""
    noise = "import random\nparse(random.SystemRandom().choice([0, 0.1]))"
    found = ProfileComparator(budget_sec=0.0).compare(
        make("before.py", ending=noise), make("after.py", ending=noise), runs_per_side=5
    )
    assert found.measure.runs_before == 8


def test_programs_that_end_differently_are_not_judged(make: Make) -> None:
    """A crash that comes early is no improvement."""
    found = compare(make("before.py", parse=0.2), make("after.py", ending="raise SystemExit(3)"))
    assert found.verdict is Verdict.INCONCLUSIVE
    assert "exit status 0 before, 3 after" in found.reason


def test_the_other_measure_is_mentioned_where_it_disagrees(make: Make) -> None:
    """Half of the computing is gone from a program that mostly waits."""
    sleep = "time.sleep(1.0)"
    before = make("before.py", parse=0.04, render=0, ending=sleep)
    found = compare(before, make("after.py", parse=0.02, render=0, ending=sleep))
    assert found.verdict is Verdict.NO_CHANGE
    assert any("CPU time changed by" in warning for warning in found.warnings)


def test_without_runs_a_small_change_is_inconclusive(make: Make) -> None:
    """One profile a side, 20 % apart, and what to do next."""
    found = compare(
        make("before.py"),
        make("after.py", summary=sample_summary(cpu_time_sec=2.28, elapsed_time_sec=2.4)),
        runs_per_side=0,
    )
    assert (found.verdict, found.basis) == (Verdict.INCONCLUSIVE, "profiles")
    assert found.next_step is not None
    assert "runs_per_side=10" in found.next_step


def test_without_runs_a_large_change_is_claimed_and_attributed(make: Make) -> None:
    """Twice the time in one function."""
    before = make("before.py")
    stacks = (sample_stack(("<module>", 16), ("parse", 6), file=before.target.name, cpu_sec=2.0),)
    after = before.model_copy(
        update={
            "summary": sample_summary(cpu_time_sec=3.8, elapsed_time_sec=4.0),
            "stacks": stacks,
        }
    )
    found = compare(before, after, runs_per_side=0)
    assert found.verdict is Verdict.REGRESSION
    assert found.culprit is not None
    assert found.culprit.function == "parse"


@pytest.mark.parametrize("runs", [1, 4, -1])
def test_too_few_runs_are_refused(make: Make, runs: int) -> None:
    """Nobody who asks for four has read what they are for."""
    with pytest.raises(NotComparable, match="at least 5"):
        compare(make("before.py"), make("after.py"), runs_per_side=runs)


def test_programs_that_cannot_be_run_are_compared_by_their_profiles(make: Make) -> None:
    """The answer is weaker, and says why."""
    after = make("after.py", target=make("x.py").target.model_copy(update={"source": None}))
    found = compare(make("before.py"), after)
    assert found.basis == "profiles"
    assert any("is not in its profile" in warning for warning in found.warnings)


def test_one_module_is_not_compared_with_itself(make: Make) -> None:
    """Both sides would run what is on disk today."""
    target = Target(kind="module", name="this", path=None, source=None, sha256=None)
    found = compare(make("a.py", target=target), make("b.py", target=target))
    assert found.basis == "profiles"
    assert any("both sides are module 'this'" in warning for warning in found.warnings)


def test_a_missing_sandbox_is_told(make: Make, monkeypatch: pytest.MonkeyPatch) -> None:
    """A program profiled in a sandbox is not run without one."""
    monkeypatch.setattr(comparator_module, "sandbox_problem", lambda: "bubblewrap is not installed")
    sandboxed = sample_profile().environment.model_copy(update={"sandboxed": True})
    found = compare(
        make("before.py", environment=sandboxed), make("after.py", environment=sandboxed)
    )
    assert found.basis == "profiles"
    assert any("bubblewrap is not installed" in warning for warning in found.warnings)


def test_without_py_spy_the_profiles_attribute(make: Make, monkeypatch: pytest.MonkeyPatch) -> None:
    """The verdict stands, and the reader knows what the functions rest on."""
    monkeypatch.setattr("dynogate.profiling.capture.line_sampler.find_py_spy", lambda: None)
    monkeypatch.setattr("dynogate.profiling.capture.supervised.find_py_spy", lambda: None)
    found = compare(make("before.py"), make("after.py", parse=0.2))
    assert found.verdict is Verdict.REGRESSION
    assert any("compared by the two profiles alone" in warning for warning in found.warnings)


def test_a_cancelled_comparison_ends(make: Make) -> None:
    """The caller went away after some runs."""
    cancel = CancelToken()
    seen: list[float] = []

    def on_progress(done: float, total: float | None, message: str) -> None:
        seen.append(done)
        if done == 3:
            cancel.cancel("enough")

    with pytest.raises(ToolCancelled, match="enough"):
        compare(make("before.py"), make("after.py"), cancel=cancel, on_progress=on_progress)
    assert seen == [0, 1, 2, 3]


def test_caveats_are_part_of_the_answer(make: Make) -> None:
    """What differs between the sides is told even where re-runs decided."""
    found = compare(make("before.py"), make("after.py", line_sampler="scalene"), runs_per_side=0)
    assert any("line_sampler" in warning for warning in found.warnings)


@pytest.mark.slow
def test_two_real_profiles_are_compared(tmp_path: Path) -> None:
    """From Scalene to the verdict, in the sandbox, where two runs can share a processor."""
    profiles = []
    for name, parse in (("before.py", 0.2), ("after.py", 0.4)):
        path = tmp_path / name
        path.write_text(PROGRAM.format(parse=parse, render=0.1, ending=""))
        profiles.append(ScaleneProfiler().profile_script(path, RunOptions(cpu_only=True)))
    found = ProfileComparator().compare(*profiles, runs_per_side=5, max_runs_per_side=8)
    assert "at once on one processor" in found.design
    assert found.verdict is Verdict.REGRESSION
    assert found.culprit is not None
    assert found.culprit.function == "parse"
    assert found.text().startswith("REGRESSION")
