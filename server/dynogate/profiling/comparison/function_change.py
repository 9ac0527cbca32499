"""Which function changed: the functions of two programs paired, and their seconds compared.

Functions are paired by name and by code, never by line number, so that code which only moved is
the same code. Times come from sampled call stacks. A sample count is taken to vary three times as
much as Poisson's law says (measured), because runs differ by more than sampling; several runs of
a side show by themselves how much more (quasi-Poisson: Pearson's chi-squared per degree of
freedom; McCullagh and Nelder, "Generalized Linear Models", 6.2.3).
"""

import math
from collections import Counter
from collections.abc import Mapping, Sequence, Set
from dataclasses import dataclass, field
from pathlib import PurePath
from typing import NamedTuple

from dynogate.profiling.capture.parser import ProfileParser, scalene_texts
from dynogate.profiling.capture.targets import CODE_NAME
from dynogate.profiling.comparison.models import FunctionChange, LineChange, PairedBy
from dynogate.profiling.comparison.outline import Outline
from dynogate.profiling.models import Frame, ProfileResult, StackSample
from dynogate.statistics import benjamini_hochberg, two_sided

MAIN = "<main>"
"""The program's main file, whatever its name is on each side."""

OVERDISPERSION = 3.0
"""Variance of a sample count over Poisson's, where the runs themselves do not show a larger one."""

_CODE_EVIDENCE = math.log(100)
"""How much likelier a function whose code changed is the cause than one whose code did not."""

_FEWEST_SHARE = 0.002
"""Functions below this share of the time on both sides are left out, unless their code changed."""

_LINES = 5


class Key(NamedTuple):
    """A function: its file within the program, and its qualified name."""

    file: str
    name: str


@dataclass(slots=True)
class Cost:
    """What one function cost: samples of all runs, and seconds of one."""

    samples: int = 0
    self_sec: float = 0.0
    total_sec: float = 0.0
    lines: Counter[int] = field(default_factory=Counter)  # sample counts
    runs: Counter[int] = field(default_factory=Counter)  # sample counts
    callers: set[Key] = field(default_factory=set)  # direct and indirect


@dataclass(frozen=True, slots=True)
class Side:
    """The functions of one side.

    Attributes:
        sample_sec: seconds of one run that one sample stands for.
        run_sizes: samples of each run.
        outlines: the source of each of the program's files that is known whole.
        paths: path within the program -> path as profiled.
    """

    costs: Mapping[Key, Cost]
    sample_sec: float
    run_sizes: Sequence[int]
    outlines: Mapping[str, Outline]
    paths: Mapping[str, str]

    def dispersion(self) -> tuple[float, int]:
        """Pearson's chi-squared of the counts by function and run, and its degrees of freedom."""
        whole = sum(self.run_sizes)
        squares = sum(
            (cost.runs[run] - expected) ** 2 / expected
            for cost in self.costs.values()
            for run, size in enumerate(self.run_sizes)
            if (expected := cost.samples * size / whole) > 0
        )
        functions = sum(cost.samples > 0 for cost in self.costs.values())
        return squares, (functions - 1) * (len(self.run_sizes) - 1)

    def code(self, key: Key) -> str | None:
        """The function's code, if its file's source is known."""
        outline = self.outlines.get(key.file)
        definition = outline.definitions.get(key.name) if outline else None
        return definition.code if definition else None

    def lineno(self, key: Key) -> int:
        """Where the function starts, or the first of its lines that was seen."""
        outline = self.outlines.get(key.file)
        definition = outline.definitions.get(key.name) if outline else None
        if definition:
            return definition.first_lineno
        cost = self.costs.get(key)
        return min(cost.lines, default=0) if cost else 0


def program_files(
    before: ProfileResult, after: ProfileResult
) -> tuple[dict[str, str], dict[str, str]]:
    """The files of the program on each side: path as profiled -> path within the program.

    A file that cost something on one side only belongs to the program on both.
    """
    sides = _own_files(before), _own_files(after)
    shared = {name for files in sides for name in files.values()} - {MAIN}
    for profile, files in zip((before, after), sides, strict=True):
        if profile.target.path:
            folder = PurePath(profile.target.path).parent
            for name in shared:
                files.setdefault(str(folder / name), name)
    return sides


def _own_files(profile: ProfileResult) -> dict[str, str]:
    target = profile.target
    files = {path: MAIN for path in (target.path, target.name) if path}
    if target.kind == "code":
        files[CODE_NAME] = MAIN
    folder = PurePath(target.path).parent if target.path else None
    for part in profile.files:
        path = PurePath(part.file)
        inside = folder is not None and path.is_relative_to(folder)
        name = str(path.relative_to(folder)) if folder and inside else part.file
        files.setdefault(part.file, name)
    return files


def measure_side(
    profile: ProfileResult,
    files: Mapping[str, str],
    runs: Sequence[Sequence[StackSample]] = (),
    *,
    seconds: float | None = None,
) -> Side:
    """Share one run's time among the program's functions.

    A sample belongs to the innermost frame that lies in one of the program's files: what a
    function spends in libraries is its own cost, as in the profile's lines.

    Args:
        profile: the program, and its samples where ``runs`` is empty; with its ``raw`` bytes the
            code of all its files can be compared, without them only the main file's.
        files: the program's files, as ``program_files`` gives them.
        runs: samples of one or more runs, to use in place of the profile's.
        seconds: what one run costs without a profiler; None keeps the samples' seconds.
    """
    outlines = _outlines(profile, files)
    sampled = runs or (profile.stacks or _line_samples(profile),)
    sizes = [sum(sample.count for sample in run) for run in sampled]
    if seconds is None:
        seconds = sum(sample.cpu_sec for run in sampled for sample in run) / len(sampled)
    sample_sec = seconds / sum(sizes) if sum(sizes) else 0.0
    costs: dict[Key, Cost] = {}
    for number, run in enumerate(sampled):
        for sample in run:
            keys = [(_key(frame, files, outlines), frame.lineno) for frame in sample.frames]
            own = [(key, lineno) for key, lineno in keys if key is not None]
            _charge(costs, own, sample.count, sample_sec, number)
    paths = {name: path for path, name in files.items()} | {MAIN: profile.target.name}
    return Side(costs, sample_sec, sizes, outlines, paths)


def _outlines(profile: ProfileResult, files: Mapping[str, str]) -> dict[str, Outline]:
    """The sources as they were: the main file's is kept, Scalene's JSON holds the others."""
    texts = scalene_texts(ProfileParser().parse(profile.raw)) if profile.raw else {}
    outlines = {files[path]: Outline.parse(text) for path, text in texts.items() if path in files}
    if profile.target.source is not None:
        outlines[MAIN] = Outline.parse(profile.target.source)
    return outlines


def _line_samples(profile: ProfileResult) -> tuple[StackSample, ...]:
    """The profile's lines as stacks of one frame, where it holds no stacks."""
    cpu_sec, samples = profile.summary.cpu_time_sec, profile.summary.cpu_samples
    return tuple(
        StackSample(
            frames=(Frame(file=part.file, function=line.function, lineno=line.lineno),),
            cpu_sec=(cpu_sec or 0.0) * line.cpu_percent / 100,
            count=max(1, round(samples * line.cpu_percent / 100)),
        )
        for part in profile.files
        for line in part.lines
        if line.cpu_percent > 0
    )


def _charge(
    costs: dict[Key, Cost],
    stack: Sequence[tuple[Key, int]],
    count: int,
    sample_sec: float,
    run: int,
) -> None:
    for key in {key for key, _ in stack}:
        costs.setdefault(key, Cost()).total_sec += count * sample_sec
    if stack:
        key, lineno = stack[-1]
        cost = costs[key]
        cost.samples += count
        cost.self_sec += count * sample_sec
        cost.lines[lineno] += count
        cost.runs[run] += count
        cost.callers.update(caller for caller, _ in stack if caller != key)


def _key(frame: Frame, files: Mapping[str, str], outlines: Mapping[str, Outline]) -> Key | None:
    file = files.get(frame.file)
    if file is None:
        return None
    outline = outlines.get(file)
    return Key(file, outline.function(frame.function, frame.lineno) if outline else frame.function)


@dataclass(frozen=True, slots=True)
class Attribution:
    """Every function's change, and the one that explains the program's best."""

    changes: tuple[FunctionChange, ...]
    culprit: FunctionChange | None
    probability: float | None


def attribute(before: Side, after: Side, change_sec: float) -> Attribution:
    """Compare the functions of two sides and name the one behind a change of ``change_sec``.

    For each function two hypotheses are weighed on its measured change d with standard error s:
    that it changed by the whole of the program's change D, or not at all. The log likelihood
    ratio is (d^2 - (d - D)^2) / 2 s^2; a function whose code changed starts 100 times likelier.
    The shares of these weights are the culprit's probability. Functions that moved against the
    program are no candidates.

    Args:
        before: what ``measure_side`` gave.
        after: the same for the other side.
        change_sec: seconds the program changed by; 0 asks for no culprit.
    """
    spread = _dispersion(before, after)
    pairs = _pair(before, after)
    drafts = [draft for draft in (_draft(pair, before, after, spread) for pair in pairs) if draft]
    adjusted = benjamini_hochberg([draft.p_value for draft in drafts])
    changes = [
        draft.model_copy(update={"q_value": q}) for draft, q in zip(drafts, adjusted, strict=True)
    ]
    changes.sort(key=lambda change: -abs(change.change_sec))
    weights = [_weight(change, change_sec) for change in changes]
    if max(weights, default=-math.inf) == -math.inf:
        return Attribution(tuple(changes), None, None)
    best = max(range(len(weights)), key=weights.__getitem__)
    share = 1 / sum(math.exp(weight - weights[best]) for weight in weights)
    culprit = changes.pop(best)
    return Attribution((culprit, *changes), culprit, share)


def _weight(change: FunctionChange, whole: float) -> float:
    if change.change_sec * whole <= 0:
        return -math.inf
    error = (change.change_high_sec - change.change_low_sec) / (2 * 1.96)
    own = change.change_sec
    evidence = (own**2 - (own - whole) ** 2) / (2 * error**2)
    changed = change.text_changed or change.paired_by in (PairedBy.ADDED, PairedBy.REMOVED)
    return evidence + (_CODE_EVIDENCE if changed else 0.0)


class _Pair(NamedTuple):
    """A function on both sides; None on the side that lacks it."""

    before: Key | None
    after: Key | None
    by: PairedBy


def _pair(before: Side, after: Side) -> list[_Pair]:
    old, new = _keys(before), _keys(after)
    pairs = [_Pair(key, key, PairedBy.NAME) for key in sorted(old & new)]
    gone, fresh = sorted(old - new), sorted(new - old)
    by_code: dict[str, list[Key]] = {}
    for key in gone:
        code = before.code(key)
        if code is not None:
            by_code.setdefault(code, []).append(key)
    for key in fresh:
        candidates = by_code.get(after.code(key) or "", [])
        source = candidates.pop(0) if candidates else None
        pairs.append(_Pair(source, key, PairedBy.TEXT if source else PairedBy.ADDED))
    found = {pair.before for pair in pairs}
    return pairs + [_Pair(key, None, PairedBy.REMOVED) for key in gone if key not in found]


def _keys(side: Side) -> Set[Key]:
    defined = {
        Key(file, name) for file, outline in side.outlines.items() for name in outline.definitions
    }
    return defined | set(side.costs)


def _dispersion(before: Side, after: Side) -> float:
    """Variance over Poisson's, pooled over the functions of both sides."""
    (old_squares, old_freedom), (new_squares, new_freedom) = before.dispersion(), after.dispersion()
    freedom = old_freedom + new_freedom
    return max(OVERDISPERSION, (old_squares + new_squares) / freedom if freedom else 0.0)


def _draft(pair: _Pair, before: Side, after: Side, dispersion: float) -> FunctionChange | None:
    """The change of one pair, its q still to come; None where there is nothing to tell."""
    old = before.costs.get(pair.before, Cost()) if pair.before else Cost()
    new = after.costs.get(pair.after, Cost()) if pair.after else Cost()
    changed = _code_changed(pair, before, after)
    floor = _FEWEST_SHARE * max(_total(before), _total(after))
    if not (old.samples or new.samples):
        return None
    if changed is False and max(old.self_sec, new.self_sec) < floor:
        return None
    error = math.hypot(_error(old, before), _error(new, after)) * math.sqrt(dispersion)
    change = new.self_sec - old.self_sec
    p_value = two_sided(change / error)
    side, key = (after, pair.after) if pair.after else (before, pair.before)
    assert key is not None  # every pair has a side
    return FunctionChange(
        file=side.paths.get(key.file, key.file),
        function=key.name,
        lineno=side.lineno(key),
        paired_by=pair.by,
        old_name=pair.before.name if pair.before and pair.by is PairedBy.TEXT else None,
        text_changed=changed,
        before_sec=old.self_sec,
        after_sec=new.self_sec,
        change_sec=change,
        change_low_sec=change - 1.96 * error,
        change_high_sec=change + 1.96 * error,
        before_total_sec=old.total_sec,
        after_total_sec=new.total_sec,
        p_value=p_value,
        q_value=p_value,
        changed_callers=_changed_callers(old.callers | new.callers, before, after),
        lines=_lines(pair, before, after),
    )


def _changed_callers(callers: Set[Key], before: Side, after: Side) -> tuple[str, ...]:
    pairs = (_Pair(caller, caller, PairedBy.NAME) for caller in sorted(callers))
    return tuple(
        pair.after.name for pair in pairs if pair.after and _code_changed(pair, before, after)
    )


def _code_changed(pair: _Pair, before: Side, after: Side) -> bool | None:
    old = before.code(pair.before) if pair.before else None
    new = after.code(pair.after) if pair.after else None
    return None if old is None or new is None else old != new


def _total(side: Side) -> float:
    return sum(cost.self_sec for cost in side.costs.values())


def _error(cost: Cost, side: Side) -> float:
    """Poisson's standard error of a function's seconds; one never seen may have had a sample."""
    return side.sample_sec * math.sqrt(max(cost.samples, 1))


def _lines(pair: _Pair, before: Side, after: Side) -> tuple[LineChange, ...]:
    """The lines of a function, paired by their text and order, that changed most."""
    rows: dict[tuple[str, int], LineChange] = {}
    for key, side, name in ((pair.before, before, "before_sec"), (pair.after, after, "after_sec")):
        cost = side.costs.get(key) if key else None
        outline = side.outlines.get(key.file) if key else None
        seen: Counter[str] = Counter()
        for lineno, samples in sorted(cost.lines.items()) if cost else ():
            source = outline.line(lineno) if outline else ""
            place = source or str(lineno), seen[source]
            seen[source] += 1
            row = rows.get(place) or LineChange(
                lineno=lineno, source=source, before_sec=0.0, after_sec=0.0
            )
            rows[place] = row.model_copy(update={name: samples * side.sample_sec, "lineno": lineno})
    ordered = sorted(rows.values(), key=lambda row: -abs(row.after_sec - row.before_sec))
    return tuple(ordered[:_LINES])
