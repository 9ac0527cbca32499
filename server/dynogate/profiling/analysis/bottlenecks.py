"""What holds a program back: every line over a threshold, for CPU, memory and GPU."""

from pydantic import Field

from dynogate.profiling.analysis.hotspots import (
    CpuHotspot,
    GpuHotspot,
    MemoryHotspot,
    cpu_table,
    gpu_table,
    memory_table,
)
from dynogate.profiling.models import Model
from dynogate.profiling.text import mb

GPU_THRESHOLD_PERCENT = 10.0
"""Share of GPU time from which a line is a bottleneck: where its severity becomes medium."""

MOST_ROWS = 1000
"""Rows of each list, however low the thresholds are."""

_ROWS = 15  # of each table in a text


class Bottlenecks(Model):
    """The lines over the thresholds; an empty list means that none was."""

    profile_id: str | None = Field(description="The profile they come from; null if not stored.")
    cpu: tuple[CpuHotspot, ...] = Field(
        description="Lines at or over cpu_threshold, hottest first."
    )
    memory: tuple[MemoryHotspot, ...] = Field(
        description="Lines that allocated memory_threshold_mb or more, most first."
    )
    gpu: tuple[GpuHotspot, ...] = Field(description="Lines at or over 10 % of GPU time.")
    cpu_threshold: float = Field(description="Share of CPU time in percent.")
    memory_threshold_mb: float = Field(description="MB allocated over the run.")
    notes: tuple[str, ...] = Field(description="What to know before trusting the figures.")

    def text(self) -> str:
        """The three lists as tables."""
        lines = [f"CPU bottlenecks (from {self.cpu_threshold:g} % of CPU time)"]
        lines += cpu_table(self.cpu, limit=_ROWS) if self.cpu else ["none"]
        lines += [f"Memory bottlenecks (from {mb(self.memory_threshold_mb)} allocated)"]
        lines += memory_table(self.memory, limit=_ROWS) if self.memory else ["none"]
        if self.gpu:
            lines += ["GPU bottlenecks (from 10 % of GPU time)", *gpu_table(self.gpu, limit=_ROWS)]
        return "\n".join([*lines, *self.notes])
