"""Which line is hot, in the constructs that people write."""

import re

import pytest

from dynogate.profiling.models import FileProfile, LineProfile, Outcome, ProfileResult
from tests.profiling.runs import PROGRAMS, constructs

pytestmark = pytest.mark.slow

FUNCTIONS = [
    "recursion",
    "while_loop",
    "one_of_several",
    "generator",
    "comprehension",
    "key_by_lambda",
    "library_python_time",
    "c_extension_time",
    "Account.interest",
    "worker",
    "child_process",
    "coroutine",
]


@pytest.fixture(scope="module")
def profile() -> ProfileResult:
    return constructs()


def lines_of(profile: ProfileResult, name: str) -> FileProfile:
    return next(file for file in profile.files if file.file.endswith(f"/{name}"))


def hottest(lines: list[LineProfile]) -> LineProfile:
    return max(lines, key=lambda line: line.cpu_percent)


@pytest.mark.parametrize("function", FUNCTIONS)
def test_the_hot_line_of_a_construct_is_found(profile: ProfileResult, function: str) -> None:
    """In each function of the program the planted line is the hottest one."""
    lines = lines_of(profile, "constructs.py").lines
    own = [line for line in lines if line.function == function]
    assert own, f"no line of {function} was seen"
    assert hottest(own).source.endswith("# hot")


def test_a_module_beside_the_script_is_profiled(profile: ProfileResult) -> None:
    """Code imported from the script's folder has lines of its own."""
    lines = lines_of(profile, "constructs_sibling.py").lines
    assert hottest(list(lines)).source.endswith("# hot")


@pytest.mark.parametrize("function", ["sleeping", "waits_on_queue"])
def test_waiting_is_no_cpu_time(profile: ProfileResult, function: str) -> None:
    """Sleep and waiting for another thread cost no CPU."""
    lines = lines_of(profile, "constructs.py").lines
    assert sum(line.cpu_percent for line in lines if line.function == function) < 2.0


def test_joining_costs_nothing(profile: ProfileResult) -> None:
    """The line that waits for a child process is not credited with the child's time."""
    lines = lines_of(profile, "constructs.py").lines
    joins = [line for line in lines if re.search(r"process\.(join|start)\(\)", line.source)]
    assert sum(line.cpu_percent for line in joins) < 5.0


def test_shares_add_up(profile: ProfileResult) -> None:
    """All lines together have at most the whole, and nearly all of it in a program of this kind."""
    total = sum(file.cpu_percent for file in profile.files)
    assert 85.0 < total <= 100.01


def test_parts_of_a_line_add_up(profile: ProfileResult) -> None:
    """Python and native time are the line's CPU time."""
    for file in profile.files:
        for line in file.lines:
            parts = line.cpu_percent_python + line.cpu_percent_native
            assert parts == pytest.approx(line.cpu_percent)


def test_functions_are_the_sum_of_their_lines(profile: ProfileResult) -> None:
    """A function's share is its lines' share, and its range is its text's."""
    file = lines_of(profile, "constructs.py")
    interest = next(item for item in file.functions if item.name == "Account.interest")
    own = [line for line in file.lines if line.function == "Account.interest"]
    assert interest.cpu_percent == pytest.approx(sum(line.cpu_percent for line in own))
    source = (PROGRAMS / "constructs.py").read_text().splitlines()
    assert source[interest.first_lineno - 1].strip().startswith("def interest")


def test_stacks_hold_every_sample(profile: ProfileResult) -> None:
    """The stacks' counts are the samples that the shares are made of."""
    assert sum(stack.count for stack in profile.stacks) == profile.summary.cpu_samples


def test_stacks_start_in_the_program(profile: ProfileResult) -> None:
    """No frame of the profiler is left in a stack."""
    files = {frame.file for stack in profile.stacks for frame in stack.frames}
    assert not [file for file in files if "/scalene/" in file or "/child/" in file]


def test_a_recursive_stack_is_as_deep_as_it_was(profile: ProfileResult) -> None:
    """Recursion shows in the stacks."""
    deepest = max(
        sum(frame.function == "recursion" for frame in stack.frames) for stack in profile.stacks
    )
    assert deepest > 10


def test_methods_are_named_with_their_class(profile: ProfileResult) -> None:
    """A stack's frames go by the qualified names of the source."""
    names = {frame.function for stack in profile.stacks for frame in stack.frames}
    assert "Account.interest" in names


def test_the_sampler_is_named(profile: ProfileResult) -> None:
    """A whole run says that py-spy decided its lines, and has nothing to excuse."""
    assert (profile.line_sampler, profile.summary.outcome) == ("py-spy", Outcome.COMPLETED)
    assert [note for note in profile.summary.notes if "crowded" not in note] == []


def test_the_program_left_no_cache_behind(profile: ProfileResult) -> None:
    """Profiling writes no ``__pycache__`` into the program's folder."""
    assert profile.summary.exit_status == 0
    assert not (PROGRAMS / "__pycache__").exists()
