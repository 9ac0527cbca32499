"""What two single profiles can say about a program's speed: very little, and only if large."""

from collections.abc import Iterator

from dynogate.errors import NotComparable
from dynogate.profiling.comparison.caveats import (
    WHOLE,
    profiler_differences,
    surrounding_differences,
)
from dynogate.profiling.comparison.models import Measure, MeasureName, Verdict
from dynogate.profiling.comparison.verdict import Judgement, bound_by
from dynogate.profiling.models import ProfileResult

SINGLE_MARGIN = 0.30
"""Changes up to this share are not claimed: elapsed times of the same code spread by 14 %."""

_SHORTEST_SEC = 0.2
"""Below this the clock's own steps (10 ms) and the start of the program weigh too much."""


def judge_profiles(before: ProfileResult, after: ProfileResult) -> tuple[Judgement, str]:
    """A verdict on one profile a side, and the reason.

    Raises:
        NotComparable: a side took no measurable time.
    """
    wall = _measure(MeasureName.WALL, _wall_sec(before), _wall_sec(after))
    cpu = _measure(MeasureName.CPU, _cpu_sec(before), _cpu_sec(after))
    if wall is None:
        raise NotComparable("one of the two profiles is of a program that took no time at all")
    name = MeasureName.WALL
    if cpu is not None:
        name = bound_by(
            max(0.0, 1 - cpu.before_sec / wall.before_sec),
            max(0.0, 1 - cpu.after_sec / wall.after_sec),
        )
    measure = cpu if cpu is not None and name is MeasureName.CPU else wall
    verdict, reason = _judge(before, after, measure, cpu)
    return Judgement(verdict=verdict, decided_by=name, cpu=cpu, wall=wall, alpha=0.0), reason


def _judge(
    before: ProfileResult, after: ProfileResult, measure: Measure, cpu: Measure | None
) -> tuple[Verdict, str]:
    name = "CPU time" if measure.name is MeasureName.CPU else "wall-clock time"
    change = f"{name} under the profiler changed by {measure.change_percent:+.1f} %"
    obstacle = next(_obstacles(before, after, measure), None)
    if obstacle is not None:
        return Verdict.INCONCLUSIVE, f"{change}, but {obstacle}."
    verdict = _beyond(measure)
    if verdict is Verdict.INCONCLUSIVE:
        return verdict, f"{change}, and two single runs of the same code may differ as much."
    if cpu is None or _beyond(cpu) is not verdict:
        return Verdict.INCONCLUSIVE, f"{change}, but other load on the machine may have done that."
    return verdict, f"{change}, more than single runs of the same code differ by."


def _beyond(measure: Measure) -> Verdict:
    if measure.ratio > 1 + SINGLE_MARGIN:
        return Verdict.REGRESSION
    return Verdict.IMPROVEMENT if measure.ratio < 1 - SINGLE_MARGIN else Verdict.INCONCLUSIVE


def _obstacles(before: ProfileResult, after: ProfileResult, measure: Measure) -> Iterator[str]:
    for profile, side in ((before, "before"), (after, "after")):
        if profile.summary.outcome not in WHOLE:
            yield f"the run {side} was not whole ({profile.summary.outcome})"
    if before.summary.exit_status != after.summary.exit_status:
        yield "the two runs did not end alike"
    for difference in (
        *profiler_differences(before, after),
        *surrounding_differences(before, after),
    ):
        yield f"the two sides differ in {difference}"
    if min(measure.before_sec, measure.after_sec) < _SHORTEST_SEC:
        yield f"a run took less than {_SHORTEST_SEC:g} s"


def _measure(name: MeasureName, before: float | None, after: float | None) -> Measure | None:
    if not before or not after:
        return None
    return Measure(
        name=name,
        before_sec=before,
        after_sec=after,
        ratio=after / before,
        ratio_low=None,
        ratio_high=None,
        p_value=None,
        runs_before=1,
        runs_after=1,
    )


def _wall_sec(profile: ProfileResult) -> float:
    return profile.summary.elapsed_time_sec / profile.summary.repeats


def _cpu_sec(profile: ProfileResult) -> float | None:
    cpu_sec = profile.summary.cpu_time_sec
    return None if cpu_sec is None else cpu_sec / profile.summary.repeats
