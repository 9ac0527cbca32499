"""One profile in one report: how it ran, what is hot, what leaks and what to do about it."""

from typing import Literal

from pydantic import Field

from dynogate.profiling.analysis.bottlenecks import Bottlenecks
from dynogate.profiling.analysis.hotspots import (
    CpuHotspots,
    GpuHotspots,
    MemoryHotspots,
    cpu_table,
    gpu_table,
    memory_table,
)
from dynogate.profiling.analysis.leakage import MemoryLeaks
from dynogate.profiling.analysis.suggestions import Suggestion
from dynogate.profiling.models import Model, ProfileResult, ProfileSummary
from dynogate.profiling.text import clip, mb, plural, seconds

Focus = Literal["all", "cpu", "memory", "gpu"]

_ROWS = 8  # of the first table in a text
_FEW = 4  # of the others
_MOST_SUGGESTIONS = 5  # in a text, three lines each


class Analysis(Model):
    """What a profile shows, for the resources in focus; null parts are out of focus."""

    profile_id: str | None = Field(description="The profile; null if it is not stored.")
    program: str = Field(description="Path of the script, name of the module, or '<code>'.")
    focus: Focus = Field(description="Which resources were looked at.")
    summary: ProfileSummary = Field(description="How the program ran and ended.")
    cpu: CpuHotspots | None = Field(description="The lines with the most CPU time.")
    memory: MemoryHotspots | None = Field(description="The lines that allocated the most.")
    gpu: GpuHotspots | None = Field(description="The lines with the most GPU time.")
    bottlenecks: Bottlenecks = Field(description="The lines over the thresholds, in focus.")
    leaks: MemoryLeaks | None = Field(description="The lines whose memory keeps growing.")
    suggestions: tuple[Suggestion, ...] = Field(
        description="Advice backed by figures and code, the heaviest first; often none."
    )
    notes: tuple[str, ...] = Field(description="What to know before trusting the figures.")

    def text(self) -> str:
        """The run, then what matters most of each part."""
        lines = summary_lines(self.program, self.summary)
        if self.cpu is not None and self.cpu.hotspots:
            lines += _part("CPU", cpu_table(self.cpu.hotspots, limit=_ROWS))
        if self.memory is not None and self.memory.hotspots:
            lines += _part("Memory", memory_table(self.memory.hotspots, limit=_FEW))
        if self.leaks is not None and self.leaks.leaks:
            lines += _part("Leaks", self.leaks.table(limit=_FEW))
        if self.gpu is not None and (self.focus == "gpu" or self.gpu.gpu_requested):
            gpu = gpu_table(self.gpu.hotspots, limit=_FEW) if self.gpu.hotspots else []
            lines += _part("GPU", [*gpu, *self.gpu.notes])
        lines += self._advice()
        return "\n".join([*lines, *self.notes])

    def _advice(self) -> list[str]:
        if not self.suggestions:
            return ["", "No rule has anything to suggest."]
        shown = self.suggestions[:_MOST_SUGGESTIONS]
        lines = [line for suggestion in shown for line in suggestion.lines()]
        left = len(self.suggestions) - len(shown)
        return _part("Suggestions", [*lines, f"… and {left} more"] if left else lines)


def _part(title: str, lines: list[str]) -> list[str]:
    return ["", title, *lines]


def summary_lines(program: str, summary: ProfileSummary) -> list[str]:
    """How a program ran and ended, in a few lines."""
    status = "" if summary.exit_status is None else f" (exit status {summary.exit_status})"
    runs = f", {summary.repeats} runs" if summary.repeats > 1 else ""
    lines = [
        f"{program}: {summary.outcome.replace('_', ' ')}{status} after "
        f"{seconds(summary.elapsed_time_sec)}{runs}, {seconds(summary.cpu_time_sec)} of CPU time; "
        f"{plural(summary.cpu_samples, 'CPU sample')}"
    ]
    if summary.max_footprint_mb is not None:
        growth = summary.growth_rate_mb_per_sec
        grew = "" if growth is None else f", growing by {growth:.2f} MB/s"
        lines.append(
            f"memory: at most {mb(summary.max_footprint_mb)}{grew}; "
            f"{plural(summary.alloc_samples, 'allocation sample')}"
        )
    if summary.error is not None:
        error = summary.error
        where = f" at {error.file}:{error.lineno}" if error.file else ""
        lines.append(clip(f"it raised {error.type}{where}: {error.message}", 200))
    return lines


def overview(profile: ProfileResult, cpu: CpuHotspots, memory: MemoryHotspots) -> str:
    """What to read first of a new profile: the run, its hot lines and its large allocations."""
    lines = summary_lines(profile.target.name, profile.summary)
    if cpu.hotspots:
        lines += _part("CPU", cpu_table(cpu.hotspots, total=cpu.lines_over_threshold))
    if memory.hotspots:
        lines += _part("Memory", memory_table(memory.hotspots, total=memory.lines_allocating))
    return "\n".join([*lines, *profile.summary.notes])
