"""Two profiles compared: is the program slower, and which function is behind it."""

from collections.abc import Sequence
from contextlib import ExitStack
from dataclasses import dataclass, field, replace
from pathlib import Path

from dynogate.errors import ConfigurationError, DynogateError, NotComparable, ToolCancelled
from dynogate.jobs.cancel import CancelToken
from dynogate.jobs.limits import Limits
from dynogate.jobs.sandbox import sandbox_problem
from dynogate.jobs.scratch import scratch_dir
from dynogate.profiling.comparison.caveats import caveats
from dynogate.profiling.comparison.experiment import SAMPLED_RUNS, Experiment, Progress, Stacks
from dynogate.profiling.comparison.function_change import (
    Attribution,
    attribute,
    measure_side,
    program_files,
)
from dynogate.profiling.comparison.memory_change import compare_memory
from dynogate.profiling.comparison.models import Comparison, MeasureName, Verdict
from dynogate.profiling.comparison.rerun import SideName, Subject
from dynogate.profiling.comparison.single import SINGLE_MARGIN, judge_profiles
from dynogate.profiling.comparison.verdict import ALPHA, FEWEST_RUNS, MARGIN, Judgement, beyond
from dynogate.profiling.models import ProfileResult

FEWEST_ASKED = 5
"""Runs a side that may be asked for; at least ``FEWEST_RUNS`` are made, or nothing is decided."""

MOST_RUNS = 80
"""Runs a side that the experiment goes up to by itself, where fewer leave it open."""

BUDGET_SEC = 600.0
"""Seconds after which no further round of runs is begun."""

_MOST_SAMPLED_RUNS = 15
_SURE = 0.95
"""Probability of the culprit at which no further sampled runs are made."""

_CHANGES = (Verdict.REGRESSION, Verdict.IMPROVEMENT)


@dataclass(slots=True)
class _Findings:
    """What is known so far."""

    judgement: Judgement
    reason: str
    design: str
    attribution: Attribution
    rerun: bool
    warnings: list[str] = field(default_factory=list)


class ProfileComparator:
    """Compares two profiles of a program before and after a change.

    Args:
        limits: of each re-run.
        sandbox: whether re-runs happen in a sandbox; None: as each side was profiled.
        roots: folders that programs must lie in to be re-run; None allows any (notebooks).
        budget_sec: seconds after which no further round of re-runs is begun.
    """

    def __init__(
        self,
        *,
        limits: Limits = Limits(),  # noqa: B008  (immutable)
        sandbox: bool | None = None,
        roots: Sequence[Path] | None = None,
        budget_sec: float = BUDGET_SEC,
    ) -> None:
        self._limits = limits
        self._sandbox = sandbox
        self._roots = roots
        self._budget_sec = budget_sec

    def compare(
        self,
        before: ProfileResult,
        after: ProfileResult,
        *,
        runs_per_side: int = 0,
        max_runs_per_side: int | None = None,
        cancel: CancelToken | None = None,
        on_progress: Progress | None = None,
    ) -> Comparison:
        """Say whether ``after`` is slower or faster than ``before``, and why.

        With ``runs_per_side`` both programs are run again, in pairs and without the profiler, and
        the verdict rests on those runs; where they leave it open, the runs are doubled, up to
        ``max_runs_per_side``. Without, one profile a side is all there is, and only a change of
        more than 30 % is called one.

        Args:
            before: the profile to measure against.
            after: the profile to judge.
            runs_per_side: runs of each program before the first look: 0, or 5 and more (8 at
                least are made).
            max_runs_per_side: runs of each program at most; None: 80, or ``runs_per_side`` where
                that is more.
            cancel: stops the runs.
            on_progress: told (runs done, runs planned or None, what is happening).

        Raises:
            NotComparable: ``runs_per_side`` is from 1 to 4, or one side took no time at all.
            ToolCancelled: ``cancel`` was called.
        """
        first, most = _check_runs(runs_per_side, max_runs_per_side)
        findings = None
        notes: list[str] = []
        if first:
            try:
                findings = self._rerun(before, after, first, most, cancel, on_progress)
            except ToolCancelled:
                raise
            except DynogateError as error:
                notes.append(f"The programs could not be run again: {error.message}")
        if findings is None:
            findings = _from_profiles(before, after)
        files = program_files(before, after)
        judgement = findings.judgement
        return Comparison(
            verdict=judgement.verdict,
            reason=findings.reason,
            basis="reruns" if findings.rerun else "profiles",
            before_id=before.profile_id,
            after_id=after.profile_id,
            before_name=before.target.name,
            after_name=after.target.name,
            decided_by=judgement.decided_by,
            cpu=judgement.cpu,
            wall=judgement.wall,
            design=findings.design,
            culprit=findings.attribution.culprit,
            culprit_probability=findings.attribution.probability,
            functions=findings.attribution.changes,
            memory=compare_memory(before, after, *files),
            warnings=(*caveats(before, after), *notes, *findings.warnings),
            next_step=_next_step(findings),
        )

    def _rerun(
        self,
        before: ProfileResult,
        after: ProfileResult,
        first: int,
        most: int,
        cancel: CancelToken | None,
        on_progress: Progress | None,
    ) -> _Findings:
        repeat = max(before.summary.repeats, after.summary.repeats)
        with ExitStack() as stack:
            subjects = {
                side: Subject(
                    profile,
                    stack.enter_context(scratch_dir()),
                    limits=self._limits,
                    sandboxed=self._sandboxed(profile),
                    roots=self._roots,
                    repeat=repeat,
                )
                for side, profile in ((SideName.BEFORE, before), (SideName.AFTER, after))
            }
            _check_different(before, after)
            experiment = Experiment(
                subjects, budget_sec=self._budget_sec, cancel=cancel, on_progress=on_progress
            )
            judgement = experiment.decide(first, most)
            warnings = [note for subject in subjects.values() for note in subject.warnings]
            judgement, reason = _check_statuses(experiment, judgement)
            attribution, problems = _explain(experiment, judgement, before, after)
        return _Findings(
            judgement=judgement,
            reason=reason,
            design=_design(experiment, first, most, repeat),
            attribution=attribution,
            rerun=True,
            warnings=[*warnings, *_other_measure(judgement), *problems],
        )

    def _sandboxed(self, profile: ProfileResult) -> bool:
        wanted = profile.environment.sandboxed if self._sandbox is None else self._sandbox
        problem = sandbox_problem() if wanted else None
        if problem:
            raise ConfigurationError(f"the sandbox it was profiled in is not to be had: {problem}")
        return wanted


def _check_runs(runs: int, most: int | None) -> tuple[int, int]:
    """Runs a side before the first look, and before the last; both 0 where none are wanted."""
    if runs == 0:
        return 0, 0
    if runs < FEWEST_ASKED:
        raise NotComparable(f"runs_per_side is {runs}; it must be 0 or at least {FEWEST_ASKED}")
    first = max(runs, FEWEST_RUNS)
    return first, max(first, MOST_RUNS if most is None else most)


def _check_different(before: ProfileResult, after: ProfileResult) -> None:
    """Two modules of one name are one program today, whatever they were.

    Raises:
        NotComparable: running both sides would run the same thing twice.
    """
    targets = before.target, after.target
    if all(target.kind == "module" for target in targets) and (
        targets[0].name == targets[1].name
        and before.options.args == after.options.args
        and before.options.python == after.options.python
    ):
        raise NotComparable(
            f"both sides are module '{targets[0].name}', which is on disk only as it is today"
        )


def _check_statuses(experiment: Experiment, judgement: Judgement) -> tuple[Judgement, str]:
    """The judgement, unless the programs end differently: then their times mean nothing."""
    old, new = (experiment.runs.statuses(side) for side in SideName)
    if old != new or len(old) > 1:
        open_judgement = replace(judgement, verdict=Verdict.INCONCLUSIVE)
        return open_judgement, (
            f"the runs did not end alike (exit status {_listed(old)} before, {_listed(new)} "
            "after), so that their times do not compare."
        )
    return judgement, _reason(judgement)


def _listed(statuses: set[int]) -> str:
    return " or ".join(map(str, sorted(statuses)))


def _reason(judgement: Judgement) -> str:
    measure = judgement.measure
    name = "CPU time" if measure.name is MeasureName.CPU else "wall-clock time"
    size = f"{abs(measure.change_percent):.1f} %"
    margin = f"{MARGIN:.0%}".replace("%", " %")
    if judgement.verdict is Verdict.REGRESSION:
        return f"{name} grew by {size}, surely by more than {margin}."
    if judgement.verdict is Verdict.IMPROVEMENT:
        return f"{name} fell by {size}, surely by more than {margin}."
    if judgement.verdict is Verdict.NO_CHANGE:
        return f"whatever changed in {name} is less than {margin}."
    if measure.p_value is not None and measure.p_value < judgement.alpha:
        return f"{name} did change, but perhaps by less than {margin}."
    return f"the runs spread too much to tell a change of {name} from chance."


def _design(experiment: Experiment, first: int, most: int, repeat: int) -> str:
    repeated = f", each repeating the program {repeat} times" if repeat > 1 else ""
    looks = (
        f"; looks at {first} runs and at each doubling up to {most}, p thresholds sharing "
        f"{ALPHA:g} (Bonferroni)"
        if most > first
        else f"; p < {ALPHA:g}"
    )
    pairs = (
        "the two of a pair at once on one processor, so that what disturbs one disturbs both"
        if experiment.together
        else "the two of a pair one after the other, in random order"
    )
    return (
        f"{len(experiment.runs)} pairs of runs without the profiler{repeated}, {pairs}, after one "
        f"warm-up each{looks}; exact signed-rank test of the pairs, and the interval of their "
        f"ratio beyond {MARGIN:.0%}".replace("%", " %")
    )


def _other_measure(judgement: Judgement) -> list[str]:
    other = judgement.other
    if other is None:
        return []
    verdict = beyond(other, judgement.alpha)
    if verdict not in _CHANGES or verdict is judgement.verdict:
        return []
    name = "Wall-clock time" if other.name is MeasureName.WALL else "CPU time"
    return [
        f"{name} changed by {other.change_percent:+.1f} %, unlike the measure that decided: the "
        "program waits, or shares its work among processors, differently."
    ]


def _explain(
    experiment: Experiment, judgement: Judgement, before: ProfileResult, after: ProfileResult
) -> tuple[Attribution, list[str]]:
    """Which functions changed: by sampled runs where the program did, else by the profiles."""
    measure = judgement.measure
    profiles = {SideName.BEFORE: before, SideName.AFTER: after}
    files = dict(zip(SideName, program_files(before, after), strict=True))
    seconds = {SideName.BEFORE: measure.before_sec, SideName.AFTER: measure.after_sec}
    changed = judgement.verdict in _CHANGES
    change_sec = measure.after_sec - measure.before_sec if changed else 0.0

    def attribution(stacks: dict[SideName, list[Stacks]]) -> Attribution:
        old, new = (
            measure_side(profiles[side], files[side], stacks[side], seconds=seconds[side])
            for side in SideName
        )
        return attribute(old, new, change_sec)

    stacks: dict[SideName, list[Stacks]] = {side: [] for side in SideName}
    found = attribution(stacks)
    for runs in range(0, _MOST_SAMPLED_RUNS if changed else 0, SAMPLED_RUNS):
        if runs and not experiment.affordable(SAMPLED_RUNS):
            break
        try:
            sampled = experiment.sample(judgement)
        except NotComparable as error:
            return found, [f"Functions are compared by the two profiles alone: {error.message}."]
        for side in SideName:
            stacks[side] += sampled[side]
        found = attribution(stacks)
        if (found.probability or 0.0) >= _SURE:
            break
    return found, []


def _from_profiles(before: ProfileResult, after: ProfileResult) -> _Findings:
    judgement, reason = judge_profiles(before, after)
    old_files, new_files = program_files(before, after)
    cpu = judgement.cpu
    changed = judgement.verdict in _CHANGES
    attribution = attribute(
        measure_side(before, old_files, seconds=cpu.before_sec if cpu else None),
        measure_side(after, new_files, seconds=cpu.after_sec if cpu else None),
        cpu.after_sec - cpu.before_sec if cpu and changed else 0.0,
    )
    return _Findings(
        judgement=judgement,
        reason=reason,
        design=(
            f"one profiled run a side; a change below {SINGLE_MARGIN:.0%} is never claimed".replace(
                "%", " %"
            )
        ),
        attribution=attribution,
        rerun=False,
    )


def _next_step(findings: _Findings) -> str | None:
    if not findings.rerun:
        return "Compare again with runs_per_side=10: repeated runs without the profiler decide."
    if findings.judgement.verdict is not Verdict.INCONCLUSIVE:
        return None
    more = 2 * findings.judgement.measure.runs_before
    return (
        f"Compare again with runs_per_side={more} on a quieter machine, or give the program more "
        "work so that one run takes some seconds."
    )
