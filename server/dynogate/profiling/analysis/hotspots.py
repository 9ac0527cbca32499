"""The lines that cost the most: their order, their severity and their reports."""

from collections.abc import Iterator, Mapping, Sequence
from enum import StrEnum
from typing import NamedTuple

from pydantic import Field

from dynogate.profiling.models import LineProfile, Model, ProfileResult
from dynogate.profiling.text import MAX_ROWS, Column, clip, mb, percent, plural, seconds, table

GPU_NOT_ASKED = "GPU was not profiled: profile again with include_gpu=true to see GPU time."
GPU_NOT_SEEN = "No GPU was seen on the machine that ran this profile."
MEMORY_NOT_PROFILED = (
    "Memory was not profiled: profile again with include_memory=true and cpu_only=false."
)

_WHERE: tuple[Column, ...] = (("severity", "<"), ("line", "<"), ("function", "<"), ("source", "<"))


class Severity(StrEnum):
    """How much a hotspot weighs; the steps are those of the original scalene-mcp tools."""

    HIGH = "high"
    MEDIUM = "medium"
    LOW = "low"


def _severity(value: float, *, high: float, medium: float) -> Severity:
    if value > high:
        return Severity.HIGH
    return Severity.MEDIUM if value > medium else Severity.LOW


Place = tuple[str, int]
"""File and line number."""


class Spot(NamedTuple):
    """A line and the file it is in."""

    file: str
    line: LineProfile

    @property
    def place(self) -> Place:
        """File and line number."""
        return self.file, self.line.lineno


def allocated_mb(line: LineProfile) -> float:
    """What the line allocated, in MB: at least what it retained.

    Two samplers measure the two figures; a line cannot retain what it did not allocate, so
    where they disagree the larger one counts.
    """
    return max(line.malloc_mb, line.retained_mb or 0.0)


def cpu_order(profile: ProfileResult) -> list[Spot]:
    """Every line with CPU time, hottest first.

    Ties go to the line that most stacks end on where Scalene's signals decided the lines (they
    smear a loop evenly over its lines), then to file and line number.
    """
    leaves = _leaf_seconds(profile) if profile.line_sampler == "scalene" else {}

    def key(spot: Spot) -> tuple[float, float, Place]:
        place = spot.place
        return -cpu_figure(spot), -leaves.get(place, 0.0), place

    return sorted((spot for spot in all_spots(profile) if spot.line.cpu_percent > 0), key=key)


def memory_order(profile: ProfileResult) -> list[Spot]:
    """Every line that allocated, the largest allocation first.

    The order is by ``allocated_mb``, then by what was retained, then by file and line number.
    Scalene's peak is not used: it read 2.7 MB on a line that retained 516 MB.
    """

    def key(spot: Spot) -> tuple[float, float, Place]:
        line = spot.line
        return -round(allocated_mb(line), 2), -round(line.retained_mb or 0.0, 2), spot.place

    return sorted(
        (spot for spot in all_spots(profile) if spot.line.malloc_mb > 0 or spot.line.retained_mb),
        key=key,
    )


def gpu_order(profile: ProfileResult) -> list[Spot]:
    """Every line that used the GPU: most GPU time first, then most GPU memory."""

    def key(spot: Spot) -> tuple[float, float, Place]:
        line = spot.line
        return -round(line.gpu_percent, 2), -line.gpu_peak_memory_mb, spot.place

    used = (
        s for s in all_spots(profile) if s.line.gpu_percent > 0 or s.line.gpu_peak_memory_mb > 0
    )
    return sorted(used, key=key)


def cpu_figure(spot: Spot) -> float:
    """The line's share of CPU time as reports show it: two lines equal to 0.01 % are a tie."""
    return round(spot.line.cpu_percent, 2)


def all_spots(profile: ProfileResult) -> Iterator[Spot]:
    """Every line of a profile."""
    return (Spot(part.file, line) for part in profile.files for line in part.lines)


def _leaf_seconds(profile: ProfileResult) -> Mapping[tuple[str, int], float]:
    leaves: dict[tuple[str, int], float] = {}
    for stack in profile.stacks:
        if stack.frames:
            leaf = stack.frames[-1]
            place = (leaf.file, leaf.lineno)
            leaves[place] = leaves.get(place, 0.0) + stack.cpu_sec
    return leaves


class Located(Model):
    """A place in the profiled program."""

    file: str = Field(description="Path of the source file, as profiled.")
    lineno: int = Field(description="Line number, from 1.")
    function: str = Field(description="Enclosing function's qualified name, or '<module>'.")
    source: str = Field(description="Text of the line when it was run.")

    @property
    def place(self) -> str:
        """``file:line``, as editors and terminals understand it."""
        return f"{self.file}:{self.lineno}"


class CpuHotspot(Located):
    """A line and its CPU time."""

    severity: Severity = Field(description="high above 20 % of CPU time, medium above 5 %.")
    cpu_percent: float = Field(description="Share of the program's CPU time, 0 to 100.")
    cpu_sec: float | None = Field(
        description="CPU seconds under the profiler; null where the run's total is unknown."
    )
    cpu_percent_python: float = Field(description="Of cpu_percent, the part in Python bytecode.")
    cpu_percent_native: float = Field(description="Of cpu_percent, the part in native code.")
    cpu_percent_system: float = Field(description="Share of wall-clock time the line waited.")

    @classmethod
    def at(cls, spot: Spot, cpu_time_sec: float | None) -> "CpuHotspot":
        """The row of a line, in a run that took ``cpu_time_sec`` of CPU."""
        line = spot.line
        share = line.cpu_percent / 100
        return cls(
            **_place(spot),
            severity=_severity(line.cpu_percent, high=20.0, medium=5.0),
            cpu_percent=round(line.cpu_percent, 2),
            cpu_sec=None if cpu_time_sec is None else round(share * cpu_time_sec, 4),
            cpu_percent_python=round(line.cpu_percent_python, 2),
            cpu_percent_native=round(line.cpu_percent_native, 2),
            cpu_percent_system=round(line.cpu_percent_system, 2),
        )


class MemoryHotspot(Located):
    """A line and the memory it allocated."""

    severity: Severity = Field(description="high above 100 MB allocated, medium above 10 MB.")
    malloc_mb: float = Field(description="Memory allocated on the line over the whole run.")
    malloc_count: int = Field(description="Allocation samples credited to the line.")
    retained_mb: float | None = Field(
        description="Of that, still held when the program ended; null where unknown."
    )
    peak_mb: float = Field(description="Most the line was seen to hold; not used for the order.")
    python_fraction: float = Field(description="Share allocated by Python objects, 0 to 1.")

    @classmethod
    def at(cls, spot: Spot) -> "MemoryHotspot":
        """The row of a line."""
        line = spot.line
        retained = line.retained_mb
        return cls(
            **_place(spot),
            severity=_severity(allocated_mb(line), high=100.0, medium=10.0),
            malloc_mb=round(allocated_mb(line), 2),
            malloc_count=line.malloc_count,
            retained_mb=None if retained is None else round(retained, 2),
            peak_mb=round(line.peak_mb, 2),
            python_fraction=round(line.python_fraction, 3),
        )


class GpuHotspot(Located):
    """A line and its use of the GPU."""

    severity: Severity = Field(description="high above 50 % of GPU time, medium above 10 %.")
    gpu_percent: float = Field(description="Share of GPU time, 0 to 100.")
    gpu_avg_memory_mb: float = Field(description="GPU memory in use at the line, on average.")
    gpu_peak_memory_mb: float = Field(description="GPU memory in use at the line, at most.")

    @classmethod
    def at(cls, spot: Spot) -> "GpuHotspot":
        """The row of a line."""
        line = spot.line
        return cls(
            **_place(spot),
            severity=_severity(line.gpu_percent, high=50.0, medium=10.0),
            gpu_percent=round(line.gpu_percent, 2),
            gpu_avg_memory_mb=round(line.gpu_avg_memory_mb, 2),
            gpu_peak_memory_mb=round(line.gpu_peak_memory_mb, 2),
        )


def _place(spot: Spot) -> dict[str, object]:
    line = spot.line
    return {
        "file": spot.file,
        "lineno": line.lineno,
        "function": line.function,
        "source": line.source.rstrip("\n"),
    }


class CpuHotspots(Model):
    """The lines that used the most CPU time."""

    profile_id: str | None = Field(description="The profile they come from; null if not stored.")
    hotspots: tuple[CpuHotspot, ...] = Field(description="Hottest first.")
    threshold_percent: float = Field(description="Lines below this share were left out.")
    lines_over_threshold: int = Field(description="How many lines reached it, shown or not.")
    line_sampler: str = Field(
        description="py-spy (exact lines) or scalene (signals: trust the function more than the "
        "line within it)."
    )
    notes: tuple[str, ...] = Field(description="What to know before trusting the figures.")

    def text(self) -> str:
        """The hot lines as a table."""
        if not self.hotspots:
            return "\n".join(
                [f"No line took {self.threshold_percent:g} % of CPU time or more.", *self.notes]
            )
        over = plural(self.lines_over_threshold, "line")
        head = f"CPU hotspots: {over} at or over {self.threshold_percent:g} % of CPU time"
        return "\n".join(
            [head, *cpu_table(self.hotspots, total=self.lines_over_threshold), *self.notes]
        )


class MemoryHotspots(Model):
    """The lines that allocated the most memory."""

    profile_id: str | None = Field(description="The profile they come from; null if not stored.")
    hotspots: tuple[MemoryHotspot, ...] = Field(
        description="Most allocated first (malloc_mb), then most retained."
    )
    lines_allocating: int = Field(description="How many lines allocated, shown or not.")
    memory_profiled: bool = Field(description="False where memory was turned off for the run.")
    max_footprint_mb: float | None = Field(description="Highest footprint of the process.")
    notes: tuple[str, ...] = Field(description="What to know before trusting the figures.")

    def text(self) -> str:
        """The allocating lines as a table."""
        if not self.memory_profiled:
            return "\n".join(self.notes)
        if not self.hotspots:
            return "\n".join(["No line allocated enough memory to be sampled.", *self.notes])
        head = (
            f"Memory hotspots: {plural(self.lines_allocating, 'line')} allocated; "
            f"footprint at most {mb(self.max_footprint_mb)}"
        )
        return "\n".join(
            [head, *memory_table(self.hotspots, total=self.lines_allocating), *self.notes]
        )


class GpuHotspots(Model):
    """The lines that used the GPU the most."""

    profile_id: str | None = Field(description="The profile they come from; null if not stored.")
    hotspots: tuple[GpuHotspot, ...] = Field(description="Most GPU time first.")
    lines_using_gpu: int = Field(description="How many lines used the GPU, shown or not.")
    gpu_requested: bool = Field(description="Whether the run was asked to profile the GPU.")
    gpu_seen: bool = Field(description="Whether the profiler found a GPU.")
    device: str = Field(description="Name of the GPU; empty where none was seen.")
    notes: tuple[str, ...] = Field(description="Why the list is empty, if it is.")

    def text(self) -> str:
        """The lines on the GPU as a table, or why there is none."""
        if not self.hotspots:
            return "\n".join(self.notes)
        head = f"GPU hotspots on {self.device or 'the GPU'}"
        return "\n".join([head, *gpu_table(self.hotspots, total=self.lines_using_gpu), *self.notes])


def _where(row: CpuHotspot | MemoryHotspot | GpuHotspot) -> tuple[str, str, str, str]:
    """The cells that every table of hotspots ends with."""
    return row.severity, row.place, row.function, clip(row.source)


def cpu_table(
    rows: Sequence[CpuHotspot], *, total: int | None = None, limit: int = MAX_ROWS
) -> list[str]:
    """CPU hotspots as aligned lines."""
    cells = (
        (
            percent(row.cpu_percent),
            seconds(row.cpu_sec),
            percent(row.cpu_percent_native),
            *_where(row),
        )
        for row in rows
    )
    columns: tuple[Column, ...] = (
        ("cpu", ">"),
        ("time", ">"),
        ("native", ">"),
        *_WHERE,
    )
    return table(columns, cells, limit=limit, total=total or len(rows))


def memory_table(
    rows: Sequence[MemoryHotspot], *, total: int | None = None, limit: int = MAX_ROWS
) -> list[str]:
    """Memory hotspots as aligned lines."""
    cells = (
        (
            mb(row.malloc_mb),
            mb(row.retained_mb),
            *_where(row),
        )
        for row in rows
    )
    columns: tuple[Column, ...] = (
        ("allocated", ">"),
        ("retained", ">"),
        *_WHERE,
    )
    return table(columns, cells, limit=limit, total=total or len(rows))


def gpu_table(
    rows: Sequence[GpuHotspot], *, total: int | None = None, limit: int = MAX_ROWS
) -> list[str]:
    """GPU hotspots as aligned lines."""
    cells = (
        (
            percent(row.gpu_percent),
            mb(row.gpu_peak_memory_mb),
            *_where(row),
        )
        for row in rows
    )
    columns: tuple[Column, ...] = (("gpu", ">"), ("gpu memory", ">"), *_WHERE)
    return table(columns, cells, limit=limit, total=total or len(rows))
