"""What a comparison of two profiles says, as data and as text."""

from enum import StrEnum
from typing import Literal

from pydantic import Field

from dynogate.profiling.models import Model
from dynogate.profiling.text import Column, clip, mb, table

_ROWS = 10


class Verdict(StrEnum):
    """What became of the program's speed."""

    REGRESSION = "regression"
    IMPROVEMENT = "improvement"
    NO_CHANGE = "no_change"  # shown to lie within the margin
    INCONCLUSIVE = "inconclusive"  # the evidence does not reach for any of the others


class MeasureName(StrEnum):
    """What was measured."""

    CPU = "cpu"  # user and system CPU seconds, child processes included
    WALL = "wall"  # wall-clock seconds; of re-runs without the time in the processors' queue


class Measure(Model):
    """One measure of both sides, and the statistics of their difference."""

    name: MeasureName
    before_sec: float = Field(description="Median of the runs before; with one profile, its value.")
    after_sec: float = Field(description="Median of the runs after.")
    ratio: float = Field(
        description="after / before; of re-runs the Hodges-Lehmann estimate over pairs of runs."
    )
    ratio_low: float | None = Field(
        description="Lower end of the ratio's 95 % interval; null without re-runs."
    )
    ratio_high: float | None = Field(description="Upper end of that interval.")
    p_value: float | None = Field(
        description="Exact two-sided signed-rank test of the pairs; null without re-runs."
    )
    runs_before: int
    runs_after: int

    @property
    def change_percent(self) -> float:
        """By how much the program became slower (above 0) or faster (below 0)."""
        return 100 * (self.ratio - 1)

    def text(self) -> str:
        """One line with the figures."""
        label = "CPU time" if self.name is MeasureName.CPU else "wall-clock time"
        line = (
            f"{label}: {self.before_sec:.3f} s -> {self.after_sec:.3f} s "
            f"({self.change_percent:+.1f} %"
        )
        if self.ratio_low is not None and self.ratio_high is not None:
            low, high = 100 * (self.ratio_low - 1), 100 * (self.ratio_high - 1)
            line += f"; 95 % interval {low:+.1f} % to {high:+.1f} %"
        if self.p_value is not None:
            line += f"; p = {self.p_value:.2g}"
        return f"{line}; n = {self.runs_before} + {self.runs_after})"


class LineChange(Model):
    """A line of a function whose CPU time changed."""

    lineno: int = Field(description="Line in the program after (before, where it was removed).")
    source: str
    before_sec: float
    after_sec: float


class PairedBy(StrEnum):
    """How a function of one side was found on the other."""

    NAME = "name"
    TEXT = "text"  # renamed or moved to another file, with the same code
    ADDED = "added"  # only after
    REMOVED = "removed"  # only before


class FunctionChange(Model):
    """A function on both sides. Seconds are CPU seconds of one run, or wall-clock seconds where
    the program mostly waits.
    """

    file: str = Field(description="Path after (before, where it was removed).")
    function: str = Field(description="Qualified name after (before, where it was removed).")
    lineno: int
    paired_by: PairedBy
    old_name: str | None = Field(
        default=None, description="Qualified name before, where it was renamed or moved."
    )
    text_changed: bool | None = Field(
        description="Whether its own code differs; null where a source is not known."
    )
    changed_callers: tuple[str, ...] = Field(
        default=(),
        description="Functions above it on the stack whose own code differs: they may call it "
        "more often, or with more work.",
    )
    before_sec: float = Field(description="In the function and the library code it called.")
    after_sec: float
    change_sec: float
    change_low_sec: float = Field(description="Lower end of the change's 95 % interval.")
    change_high_sec: float = Field(description="Upper end of that interval.")
    before_total_sec: float = Field(description="With everything it called.")
    after_total_sec: float
    p_value: float
    q_value: float = Field(description="p after Benjamini-Hochberg over all functions.")
    lines: tuple[LineChange, ...] = Field(
        default=(), description="The lines that changed most, largest change first."
    )


class MemoryLineChange(Model):
    """A line whose allocations changed."""

    file: str
    function: str
    source: str
    before_lineno: int | None = Field(description="Null where the line is new.")
    after_lineno: int | None = Field(description="Null where the line is gone.")
    before_malloc_mb: float
    after_malloc_mb: float
    before_retained_mb: float | None
    after_retained_mb: float | None


class MemoryChange(Model):
    """Memory on both sides, from one profile each: figures, not a verdict."""

    before_max_footprint_mb: float
    after_max_footprint_mb: float
    lines: tuple[MemoryLineChange, ...] = Field(
        description="Lines that changed by 1 MB and 10 % or more, largest change first."
    )


class Comparison(Model):
    """Two profiles compared."""

    verdict: Verdict
    reason: str = Field(description="Why the verdict is what it is, in one sentence.")
    basis: Literal["reruns", "profiles"] = Field(
        description="'reruns': repeated runs without the profiler; 'profiles': one run a side."
    )
    before_id: str | None
    after_id: str | None
    before_name: str
    after_name: str
    decided_by: MeasureName = Field(
        description="CPU time where both sides compute most of the time and wait alike, else wall."
    )
    cpu: Measure | None = Field(description="Null where CPU time is not known on both sides.")
    wall: Measure
    design: str = Field(description="How the runs were made and what error rate they keep.")
    culprit: FunctionChange | None = Field(
        description="The function whose change explains the verdict best; null without one."
    )
    culprit_probability: float | None = Field(
        description="How much of the evidence speaks for it rather than another one, 0 to 1."
    )
    functions: tuple[FunctionChange, ...] = Field(
        description="The culprit first, then by size of the change."
    )
    memory: MemoryChange | None = Field(description="Null unless both sides profiled memory.")
    warnings: tuple[str, ...] = Field(description="What makes the two sides less comparable.")
    next_step: str | None = Field(description="What would settle it, where it is not settled.")

    @property
    def measure(self) -> Measure:
        """The measure that decided."""
        return self.cpu if self.decided_by is MeasureName.CPU and self.cpu else self.wall

    def text(self) -> str:
        """The verdict first, then the figures behind it, then what to do."""
        return "\n".join(
            [
                f"{self.verdict.replace('_', ' ').upper()}: {self.reason}",
                *self._figures(),
                f"How it was measured: {self.design}",
                *self._culprit_text(),
                *self._function_table(),
                *self._memory_text(),
                *(f"Warning: {warning}" for warning in self.warnings),
                *([f"Next: {self.next_step}"] if self.next_step else []),
            ]
        )

    def _figures(self) -> list[str]:
        measures = [measure for measure in (self.cpu, self.wall) if measure is not None]
        measures.sort(key=lambda measure: measure.name is not self.decided_by)
        return [measure.text() for measure in measures]

    def _culprit_text(self) -> list[str]:
        culprit = self.culprit
        if culprit is None:
            return []
        note = _evidence(culprit)
        head = (
            f"Most likely cause: {culprit.function} ({culprit.file}:{culprit.lineno}), "
            f"{culprit.before_sec:.3f} s -> {culprit.after_sec:.3f} s"
        )
        lines = [
            f"  {line.lineno:>5}  {line.before_sec:.3f} s -> {line.after_sec:.3f} s  "
            f"{clip(line.source)}"
            for line in culprit.lines
        ]
        return [head + (f"; {note}" if note else ""), *lines]

    def _function_table(self) -> list[str]:
        if not self.functions:
            return []
        columns: tuple[Column, ...] = (
            ("function", "<"),
            ("before", ">"),
            ("after", ">"),
            ("change", ">"),
            ("95 % interval", ">"),
            ("q", ">"),
            ("", "<"),
        )
        rows = [
            (
                clip(change.function, 48),
                f"{change.before_sec:.3f} s",
                f"{change.after_sec:.3f} s",
                f"{change.change_sec:+.3f} s",
                f"{change.change_low_sec:+.3f} to {change.change_high_sec:+.3f}",
                f"{change.q_value:.2g}",
                _remark(change),
            )
            for change in self.functions[:_ROWS]
        ]
        more = len(self.functions) - len(rows)
        return [*table(columns, rows), *([f"… and {more} more functions"] if more else [])]

    def _memory_text(self) -> list[str]:
        if self.memory is None:
            return []
        before, after = self.memory.before_max_footprint_mb, self.memory.after_max_footprint_mb
        head = f"Highest memory footprint: {mb(before)} -> {mb(after)} (one profile a side)"
        lines = [
            f"  {line.function}: allocated {mb(line.before_malloc_mb)} -> "
            f"{mb(line.after_malloc_mb)}, retained {mb(line.before_retained_mb)} -> "
            f"{mb(line.after_retained_mb)}  {clip(line.source)}"
            for line in self.memory.lines[:5]
        ]
        return [head, *lines]


def _evidence(culprit: FunctionChange) -> str:
    if culprit.paired_by in (PairedBy.ADDED, PairedBy.REMOVED):
        return f"it was {culprit.paired_by}"
    if culprit.text_changed is None:
        return ""
    if culprit.text_changed:
        return "its code changed"
    callers = ", ".join(culprit.changed_callers[:3])
    return "its code did not change" + (f", but that of {callers} above it did" if callers else "")


def _remark(change: FunctionChange) -> str:
    if change.paired_by is PairedBy.TEXT:
        return f"was {change.old_name}"
    if change.paired_by is not PairedBy.NAME:
        return str(change.paired_by)
    return "code changed" if change.text_changed else ""
