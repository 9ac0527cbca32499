"""What each function cost, by itself and with what it called, and who called it."""

from collections import defaultdict
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import NamedTuple

from pydantic import Field

from dynogate.profiling.analysis.syntax import Sources, main_files
from dynogate.profiling.models import FileProfile, Frame, FunctionProfile, Model, ProfileResult
from dynogate.profiling.text import Column, clip, mb, percent, plural, seconds, table

NO_STACKS = (
    "The profile has no stacks (stacks=false, or none could be taken): only each function's own "
    "share is known, summed from its lines; inclusive time, callers and callees are not."
)

_MOST_NEIGHBOURS = 5
# Comprehensions have frames of their own before Python 3.12; they belong to their function.
_FOLDED = frozenset({"<listcomp>", "<setcomp>", "<dictcomp>", "<genexpr>"})


class FunctionKey(NamedTuple):
    """What makes two frames the same function."""

    file: str
    function: str


class Neighbour(Model):
    """A caller or callee of a function."""

    file: str = Field(description="Path of the source file.")
    function: str = Field(description="Qualified name, or '<module>'.")
    percent: float = Field(
        description="Share of the function's inclusive time, 0 to 100: for a caller the time of "
        "the calls it made, for a callee the time spent in it."
    )


class FunctionCost(Model):
    """A function, its CPU time and its memory. Sampling does not count calls."""

    file: str = Field(description="Path of the source file, as profiled.")
    lineno: int = Field(
        description="Line of the def where it is known, else the first line that was sampled."
    )
    function: str = Field(description="Qualified name, or '<module>'.")
    source: str = Field(description="Text of that line; empty where it is unknown.")
    self_sec: float | None = Field(
        description="CPU seconds under the profiler, in the function and in unprofiled (library) "
        "code it called; null without stacks."
    )
    self_percent: float = Field(description="The same as a share of the program's CPU time.")
    inclusive_sec: float | None = Field(
        description="CPU seconds while the function was anywhere on the stack; null without stacks."
    )
    inclusive_percent: float | None = Field(
        description="The same as a share; a recursive function counts once for each stack."
    )
    recursive: bool | None = Field(
        description="Whether it was seen twice on one stack; null without stacks."
    )
    malloc_mb: float | None = Field(
        description="Memory allocated on its lines; null where memory was not profiled."
    )
    retained_mb: float | None = Field(
        description="Of that, still held when the program ended; null where unknown."
    )
    callers: tuple[Neighbour, ...] = Field(
        description="Who called it from outside (not itself), largest share first, at most 5."
    )
    callees: tuple[Neighbour, ...] = Field(
        description="What it called, library code included, largest share first, at most 5."
    )


class FunctionSummary(Model):
    """The functions that used the most CPU time."""

    profile_id: str | None = Field(description="The profile they come from; null if not stored.")
    functions: tuple[FunctionCost, ...] = Field(
        description="Most self time first, then most inclusive time."
    )
    functions_seen: int = Field(description="How many functions cost anything, shown or not.")
    has_stacks: bool = Field(description="Whether inclusive time, callers and callees are known.")
    notes: tuple[str, ...] = Field(description="What to know before trusting the figures.")

    def text(self) -> str:
        """The functions as a table, then who calls the hottest and what they call."""
        if not self.functions:
            return "\n".join(["No function was seen using CPU time or memory.", *self.notes])
        columns: tuple[Column, ...] = (
            ("self", ">"),
            ("time", ">"),
            ("inclusive", ">"),
            ("allocated", ">"),
            ("function", "<"),
            ("defined at", "<"),
        )
        rows = (
            (
                percent(row.self_percent),
                seconds(row.self_sec),
                percent(row.inclusive_percent),
                mb(row.malloc_mb),
                row.function + (" (recursive)" if row.recursive else ""),
                f"{row.file}:{row.lineno}",
            )
            for row in self.functions
        )
        head = f"Functions by self time ({plural(self.functions_seen, 'function')} seen)"
        calls = [line for row in self.functions[:_MOST_NEIGHBOURS] for line in _call_lines(row)]
        return "\n".join(
            [head, *table(columns, rows, total=self.functions_seen), *calls, *self.notes]
        )


def _call_lines(row: FunctionCost) -> list[str]:
    def names(neighbours: Sequence[Neighbour]) -> str:
        return ", ".join(f"{n.function} {percent(n.percent)}" for n in neighbours)

    lines = []
    if row.callers:
        lines.append(clip(f"{row.function} is called by {names(row.callers)}", 120))
    if row.callees:
        lines.append(clip(f"{row.function} calls {names(row.callees)}", 120))
    return lines


@dataclass(slots=True, eq=False)
class _Tally:
    """Seconds and MB of one function while the stacks and lines are being counted."""

    key: FunctionKey
    profiled: bool
    first_seen: int
    last_stack: int = -1
    self_sec: float = 0.0
    inclusive_sec: float = 0.0
    recursive: bool = False
    line_percent: float = 0.0
    malloc_mb: float = 0.0
    retained_mb: float | None = None
    callers: dict["_Tally", float] = field(default_factory=lambda: defaultdict(float))
    callees: dict["_Tally", float] = field(default_factory=lambda: defaultdict(float))


class _Names:
    """Which function a frame belongs to, by the qualified names that the profile knows."""

    def __init__(self, profile: ProfileResult) -> None:
        self._files = {part.file: part for part in profile.files}
        self._lines = {
            part.file: {line.lineno: line.function for line in part.lines} for part in profile.files
        }
        for main in main_files(profile.target):  # it may only call others, and cost nothing
            self._lines.setdefault(main, {})

    def profiled(self, file: str) -> bool:
        return file in self._lines

    def key(self, frame: Frame) -> FunctionKey:
        given = _unfolded(frame.function)
        name = self._lines.get(frame.file, {}).get(frame.lineno)
        if name is None:
            around = (
                function.name
                for function in self._functions(frame.file)
                if function.first_lineno <= frame.lineno <= function.last_lineno
                and _same(function.name, given)
            )
            name = next(around, given or "<module>")
        elif not _same(name, given):
            name = given
        return FunctionKey(frame.file, name)

    def first_line(self, key: FunctionKey, *, seen: int) -> int:
        """The line of the def where the profile knows it, else ``seen``."""
        if key.function == "<module>":
            return 1
        known = (f.first_lineno for f in self._functions(key.file) if f.name == key.function)
        return next(known, seen)

    def _functions(self, file: str) -> Sequence[FunctionProfile]:
        part = self._files.get(file)
        return part.functions if part else ()


def _unfolded(name: str) -> str:
    """The function that a comprehension belongs to; empty where only its line tells."""
    while name.rpartition(".")[2] in _FOLDED:
        name = name.rpartition(".")[0].removesuffix(".<locals>")
    return name


def _same(qualified: str, name: str) -> bool:
    return qualified == name or qualified.endswith("." + name) or not name


class FunctionTable:
    """The cost of every function of a profile, counted once."""

    def __init__(self, profile: ProfileResult, sources: Sources) -> None:
        self._profile = profile
        self._sources = sources
        self._names = _Names(profile)
        self._tallies: dict[FunctionKey, _Tally] = {}
        self._places: dict[tuple[str, str, int], _Tally] = {}
        self._total_sec = sum(stack.cpu_sec for stack in profile.stacks)
        cpu_sec = profile.summary.cpu_time_sec  # measured; the stacks' seconds are estimates
        self._scale = cpu_sec / self._total_sec if cpu_sec and self._total_sec else 1.0
        for number, stack in enumerate(profile.stacks):
            self._count_stack(number, stack.frames, stack.cpu_sec)
        for part in profile.files:
            self._count_lines(part)
        rows = (tally for tally in self._tallies.values() if tally.profiled)
        self._rows = sorted(rows, key=self._order)

    def summary(self, top_n: int) -> FunctionSummary:
        """The ``top_n`` functions with the most self time."""
        notes = self._profile.summary.notes
        has_stacks = self._total_sec > 0
        return FunctionSummary(
            profile_id=self._profile.profile_id,
            functions=tuple(self._row(tally) for tally in self._rows[:top_n]),
            functions_seen=len(self._rows),
            has_stacks=has_stacks,
            notes=notes if has_stacks else (*notes, NO_STACKS),
        )

    def _count_stack(self, number: int, frames: Sequence[Frame], cpu_sec: float) -> None:
        edges: set[tuple[_Tally, _Tally]] = set()
        caller: _Tally | None = None
        owner: _Tally | None = None
        for frame in frames:
            place = (frame.file, frame.function, frame.lineno)
            tally = self._places.get(place) or self._resolve(frame)
            if caller is not None and caller.profiled and caller is not tally:
                edges.add((caller, tally))
            if tally.profiled:
                owner = tally
                if tally.last_stack != number:
                    tally.last_stack = number
                    tally.inclusive_sec += cpu_sec
                    if caller is not None:
                        tally.callers[caller] += cpu_sec
                elif frame.function.rpartition(".")[2] not in _FOLDED:
                    tally.recursive = True
            caller = tally
        if owner is not None:
            owner.self_sec += cpu_sec
        for above, below in edges:
            above.callees[below] += cpu_sec

    def _resolve(self, frame: Frame) -> _Tally:
        tally = self._tally(self._names.key(frame), frame.lineno)
        self._places[frame.file, frame.function, frame.lineno] = tally
        return tally

    def _count_lines(self, part: FileProfile) -> None:
        for line in part.lines:
            if line.cpu_percent <= 0 and line.malloc_mb <= 0 and not line.retained_mb:
                continue
            tally = self._tally(FunctionKey(part.file, line.function), line.lineno)
            tally.line_percent += line.cpu_percent
            tally.malloc_mb += line.malloc_mb
            if line.retained_mb is not None:
                tally.retained_mb = (tally.retained_mb or 0.0) + line.retained_mb

    def _tally(self, key: FunctionKey, lineno: int) -> _Tally:
        tally = self._tallies.get(key)
        if tally is None:
            profiled = self._names.profiled(key.file)
            tally = self._tallies[key] = _Tally(key=key, profiled=profiled, first_seen=lineno)
        elif lineno < tally.first_seen:
            tally.first_seen = lineno
        return tally

    def _order(self, tally: _Tally) -> tuple[float, float, FunctionKey]:
        own = round(self._self_percent(tally), 2)
        return -own, -round(tally.inclusive_sec, 4), tally.key

    def _self_percent(self, tally: _Tally) -> float:
        if self._total_sec > 0:
            return 100 * tally.self_sec / self._total_sec
        return tally.line_percent

    def _row(self, tally: _Tally) -> FunctionCost:
        key = tally.key
        stacks = self._total_sec > 0
        memory = self._profile.options.memory
        lineno = self._names.first_line(key, seen=tally.first_seen)
        retained = tally.retained_mb if memory else None
        inclusive = tally.inclusive_sec
        return FunctionCost(
            file=key.file,
            lineno=lineno,
            function=key.function,
            source=self._sources.line(key.file, lineno),
            self_sec=round(tally.self_sec * self._scale, 4) if stacks else None,
            self_percent=round(self._self_percent(tally), 2),
            inclusive_sec=round(inclusive * self._scale, 4) if stacks else None,
            inclusive_percent=round(100 * inclusive / self._total_sec, 2) if stacks else None,
            recursive=tally.recursive if stacks else None,
            malloc_mb=round(tally.malloc_mb, 2) if memory else None,
            retained_mb=None if retained is None else round(retained, 2),
            callers=_neighbours(tally.callers, inclusive),
            callees=_neighbours(tally.callees, inclusive),
        )


def _neighbours(shares: Mapping[_Tally, float], inclusive_sec: float) -> tuple[Neighbour, ...]:
    largest = sorted(shares.items(), key=lambda item: (-item[1], item[0].key))[:_MOST_NEIGHBOURS]
    return tuple(
        Neighbour(
            file=tally.key.file,
            function=tally.key.function,
            percent=round(100 * sec / inclusive_sec, 2) if inclusive_sec else 0.0,
        )
        for tally, sec in largest
    )
