"""What a comparison warns of, by dynogate.profiling.comparison.caveats."""

from typing import Any

import pytest

from dynogate.profiling.comparison.caveats import (
    caveats,
    profiler_differences,
    surrounding_differences,
)
from dynogate.profiling.models import Environment, RunOptions
from tests.profiles import sample_profile, sample_summary


def environment(**overrides: Any) -> Environment:
    """The sample profile's environment with some fields changed."""
    return sample_profile().environment.model_copy(update=overrides)


def test_equal_conditions_give_no_warning() -> None:
    """A warning on every comparison would be read by nobody."""
    assert caveats(sample_profile(), sample_profile()) == ()


@pytest.mark.parametrize(
    ("changed", "expected"),
    [
        ({"environment": environment(python_version="3.12.1")}, "Python version (3.11.9 before"),
        ({"environment": environment(host="laptop")}, "host (bench-1 before, laptop after)"),
        ({"environment": environment(platform="macOS")}, "platform ("),
        ({"environment": environment(cpu_count=64)}, "CPU count (2 before, 64 after)"),
        ({"environment": environment(sandboxed=False)}, "sandboxed (True before, False after)"),
        ({"environment": environment(scalene_version="2.5.0")}, "Scalene version (2.4.0 before"),
        ({"options": RunOptions(cpu_only=True)}, "memory profiling (True before, False after)"),
        ({"options": RunOptions(profile_all=True)}, "profile_all ("),
        ({"options": RunOptions(args=("--fast",))}, "script arguments ([] before, ['--fast']"),
        ({"line_sampler": "scalene"}, "line_sampler (py-spy before, scalene after)"),
        ({"summary": sample_summary(exit_status=3)}, "exit status (0 before, 3 after)"),
    ],
)
def test_a_difference_in_conditions_is_named_with_both_values(
    changed: dict[str, Any], expected: str
) -> None:
    """The reader sees what differs and how."""
    assert any(expected in note for note in caveats(sample_profile(), sample_profile(**changed)))


@pytest.mark.parametrize(
    ("options", "expected"),
    [
        (RunOptions(env={"TOKEN": "s3cret"}), "values of environment variables"),
        (RunOptions(stdin="s3cret"), "stdin"),
    ],
)
def test_secret_values_are_not_repeated(options: RunOptions, expected: str) -> None:
    """A variable's value may be a password."""
    notes = caveats(sample_profile(), sample_profile(options=options))
    assert any(expected in note for note in notes)
    assert not any("s3cret" in note for note in notes)


def test_a_different_number_of_repetitions_is_told() -> None:
    """The first run of a program in a process is its slowest."""
    notes = caveats(sample_profile(), sample_profile(options=RunOptions(repeat=5)))
    assert notes == ("The two sides differ in repeat; times are per run.",)


def test_a_partial_profile_is_told() -> None:
    """Half a run is no measure of a whole one."""
    cut = sample_profile(summary=sample_summary(outcome="timed_out", exit_status=-9))
    assert "The profile after is not of a whole run (timed_out)." in caveats(sample_profile(), cut)


def test_the_profilers_cost_and_the_surroundings_are_told_apart() -> None:
    """Each forbids a claim from single profiles for its own reason."""
    other = sample_profile(
        options=RunOptions(cpu_only=True), environment=environment(host="laptop")
    )
    assert len(profiler_differences(sample_profile(), other)) == 1
    assert len(surrounding_differences(sample_profile(), other)) == 1
