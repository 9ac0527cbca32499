"""The report on memory leaks."""

from pydantic import Field

from dynogate.profiling.analysis.hotspots import MEMORY_NOT_PROFILED
from dynogate.profiling.analysis.leaks import Leak, find_leaks
from dynogate.profiling.models import Model, ProfileResult
from dynogate.profiling.text import MAX_ROWS, Column, clip, table

_REASONS = 10  # leaks whose evidence is in a text


class MemoryLeaks(Model):
    """The lines whose memory keeps growing while the program runs."""

    profile_id: str | None = Field(description="The profile they come from; null if not stored.")
    leaks: tuple[Leak, ...] = Field(description="Fastest growth first.")
    memory_profiled: bool = Field(description="False where memory was turned off for the run.")
    growth_rate_mb_per_sec: float | None = Field(
        description="Growth of the whole process over the run; null where unknown."
    )
    notes: tuple[str, ...] = Field(description="What to know before trusting the figures.")

    def text(self) -> str:
        """The leaks as a table, or that there is none, or that nobody looked."""
        if not self.memory_profiled:
            return "\n".join(self.notes)
        if not self.leaks:
            return "\n".join(["No line's memory kept growing while it ran.", *self.notes])
        reasons = [clip(f"{leak.file}:{leak.lineno}: {leak.evidence}", 200) for leak in self.leaks]
        return "\n".join(
            ["Memory that keeps growing", *self.table(), *reasons[:_REASONS], *self.notes]
        )

    def table(self, limit: int = MAX_ROWS) -> list[str]:
        """The leaks as aligned lines."""
        columns: tuple[Column, ...] = (
            ("rate", ">"),
            ("confidence", ">"),
            ("line", "<"),
            ("function", "<"),
            ("source", "<"),
        )
        rows = (
            (
                f"{leak.rate_mb_per_sec:.2f} MB/s",
                f"{leak.confidence:.2f}",
                f"{leak.file}:{leak.lineno}",
                leak.function,
                clip(leak.source),
            )
            for leak in self.leaks
        )
        return table(columns, rows, limit=limit, total=len(self.leaks))


def leak_report(profile: ProfileResult) -> MemoryLeaks:
    """The leaks of a profile; says so where memory was not profiled."""
    profiled = profile.options.memory
    return MemoryLeaks(
        profile_id=profile.profile_id,
        leaks=tuple(find_leaks(profile)) if profiled else (),
        memory_profiled=profiled,
        growth_rate_mb_per_sec=profile.summary.growth_rate_mb_per_sec,
        notes=profile.summary.notes if profiled else (MEMORY_NOT_PROFILED,),
    )
