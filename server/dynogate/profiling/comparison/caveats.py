"""What makes two profiles less comparable than they look."""

from collections.abc import Callable, Iterator

from dynogate.profiling.models import Outcome, ProfileResult

WHOLE = frozenset({Outcome.COMPLETED, Outcome.FAILED})
"""Outcomes of a program that ran to its own end."""

_Reader = Callable[[ProfileResult], object]

_PROFILER: dict[str, _Reader] = {
    "memory profiling": lambda profile: profile.options.memory,
    "GPU profiling": lambda profile: profile.options.include_gpu,
    "profile_all": lambda profile: profile.options.profile_all,
    "use_virtual_time": lambda profile: profile.options.use_virtual_time,
    "line_sampler": lambda profile: profile.line_sampler,
    "Scalene version": lambda profile: profile.environment.scalene_version,
}
"""What changes the profiler's own cost: Scalene slows a program 1.5 to 2.7 times (measured)."""

_SURROUNDINGS: dict[str, _Reader] = {
    "Python version": lambda profile: profile.environment.python_version,
    "host": lambda profile: profile.environment.host,
    "platform": lambda profile: profile.environment.platform,
    "CPU count": lambda profile: profile.environment.cpu_count,
    "sandboxed": lambda profile: profile.environment.sandboxed,
}

_WORK: dict[str, _Reader] = {
    "kind of target": lambda profile: str(profile.target.kind),
    "script arguments": lambda profile: list(profile.options.args),
    "names of environment variables": lambda profile: sorted(profile.options.env),
    "how it ended": lambda profile: str(profile.summary.outcome),
    "exit status": lambda profile: profile.summary.exit_status,
}


def profiler_differences(before: ProfileResult, after: ProfileResult) -> tuple[str, ...]:
    """What makes the profiler's own cost differ: times under it then do not compare."""
    return tuple(_differences(before, after, _PROFILER))


def surrounding_differences(before: ProfileResult, after: ProfileResult) -> tuple[str, ...]:
    """What differs in where they ran: another machine or Python has another speed."""
    return tuple(_differences(before, after, _SURROUNDINGS))


def caveats(before: ProfileResult, after: ProfileResult) -> tuple[str, ...]:
    """Everything a reader of the comparison should know, as sentences."""
    differing = (
        *profiler_differences(before, after),
        *surrounding_differences(before, after),
        *_differences(before, after, _WORK),
    )
    return (
        *(f"The two sides differ in {difference}." for difference in differing),
        *_hidden_differences(before, after),
        *_partial(before, "before"),
        *_partial(after, "after"),
    )


def _differences(
    before: ProfileResult, after: ProfileResult, readers: dict[str, _Reader]
) -> Iterator[str]:
    for name, read in readers.items():
        old, new = read(before), read(after)
        if old != new:
            yield f"{name} ({old} before, {new} after)"


def _hidden_differences(before: ProfileResult, after: ProfileResult) -> Iterator[str]:
    """Differences whose values may be secret or long."""
    if before.options.env != after.options.env:
        yield "The two sides differ in the values of environment variables."
    if before.options.stdin != after.options.stdin:
        yield "The two sides differ in stdin."
    if before.options.repeat != after.options.repeat:
        yield "The two sides differ in repeat; times are per run."


def _partial(profile: ProfileResult, side: str) -> Iterator[str]:
    if profile.summary.outcome not in WHOLE:
        yield f"The profile {side} is not of a whole run ({profile.summary.outcome})."
