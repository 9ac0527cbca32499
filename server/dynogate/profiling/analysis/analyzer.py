"""Questions to a profile, each answered by a report: data with a text."""

from bisect import bisect_right
from functools import cached_property

from dynogate.profiling.analysis.bottlenecks import GPU_THRESHOLD_PERCENT, MOST_ROWS, Bottlenecks
from dynogate.profiling.analysis.functions import FunctionSummary, FunctionTable
from dynogate.profiling.analysis.hotspots import (
    GPU_NOT_ASKED,
    GPU_NOT_SEEN,
    MEMORY_NOT_PROFILED,
    CpuHotspot,
    CpuHotspots,
    GpuHotspot,
    GpuHotspots,
    MemoryHotspot,
    MemoryHotspots,
    Spot,
    all_spots,
    allocated_mb,
    cpu_figure,
    cpu_order,
    gpu_order,
    memory_order,
)
from dynogate.profiling.analysis.leakage import MemoryLeaks, leak_report
from dynogate.profiling.analysis.overview import Analysis, Focus, overview
from dynogate.profiling.analysis.rules import Figure, figure_of
from dynogate.profiling.analysis.suggestions import Advisor, Suggestion
from dynogate.profiling.analysis.syntax import Sources
from dynogate.profiling.models import ProfileResult

_FIGURES: dict[Focus, tuple[Figure, ...]] = {
    "all": tuple(Figure),
    "cpu": (Figure.CPU, Figure.WAIT),
    "memory": (Figure.ALLOCATED, Figure.RETAINED),
    "gpu": (),
}


class ProfileAnalyzer:
    """Answers questions about one profile; what several answers need is worked out once.

    Safe to use from several threads: an answer may at worst be worked out twice.
    """

    def __init__(self, profile: ProfileResult) -> None:
        self.profile = profile

    def get_cpu_hotspots(self, top_n: int = 10, threshold_percent: float = 1.0) -> CpuHotspots:
        """The ``top_n`` lines with the most CPU time, of those with ``threshold_percent`` or more.

        Raises:
            ValueError: ``top_n`` is below 1.
        """
        over = bisect_right(self._cpu, -threshold_percent, key=lambda spot: -cpu_figure(spot))
        notes = list(self.profile.summary.notes)
        if not over and self._cpu:
            file, line = self._cpu[0]
            notes.insert(
                0, f"The hottest line, {file}:{line.lineno}, took {line.cpu_percent:.2f} %."
            )
        return CpuHotspots(
            profile_id=self.profile.profile_id,
            hotspots=tuple(self._cpu_row(spot) for spot in self._cpu[: min(over, _checked(top_n))]),
            threshold_percent=threshold_percent,
            lines_over_threshold=over,
            line_sampler=self.profile.line_sampler,
            notes=tuple(notes),
        )

    def get_memory_hotspots(self, top_n: int = 10) -> MemoryHotspots:
        """The ``top_n`` lines that allocated the most, then retained the most.

        Raises:
            ValueError: ``top_n`` is below 1.
        """
        profiled = self.profile.options.memory
        return MemoryHotspots(
            profile_id=self.profile.profile_id,
            hotspots=tuple(MemoryHotspot.at(spot) for spot in self._memory[: _checked(top_n)]),
            lines_allocating=len(self._memory),
            memory_profiled=profiled,
            max_footprint_mb=self.profile.summary.max_footprint_mb,
            notes=self.profile.summary.notes if profiled else (MEMORY_NOT_PROFILED,),
        )

    def get_gpu_hotspots(self, top_n: int = 10) -> GpuHotspots:
        """The ``top_n`` lines with the most GPU time, or why there are none.

        Raises:
            ValueError: ``top_n`` is below 1.
        """
        return GpuHotspots(
            profile_id=self.profile.profile_id,
            hotspots=tuple(GpuHotspot.at(spot) for spot in self._gpu[: _checked(top_n)]),
            lines_using_gpu=len(self._gpu),
            gpu_requested=self.profile.gpu.requested,
            gpu_seen=self.profile.gpu.seen,
            device=self.profile.gpu.device,
            notes=self._gpu_notes(),
        )

    def get_memory_leaks(self) -> MemoryLeaks:
        """The lines whose memory keeps growing, with rate and confidence."""
        return self._leaks

    def get_bottlenecks(
        self, cpu_threshold: float = 5.0, memory_threshold_mb: float = 10.0
    ) -> Bottlenecks:
        """The lines at or over a share of CPU time, MB allocated, or 10 % of GPU time."""
        notes = self.profile.summary.notes
        return Bottlenecks(
            profile_id=self.profile.profile_id,
            cpu=tuple(self._cpu_row(spot) for spot in self._cpu_over(cpu_threshold)),
            memory=tuple(MemoryHotspot.at(spot) for spot in self._memory_over(memory_threshold_mb)),
            gpu=tuple(
                GpuHotspot.at(spot)
                for spot in self._gpu[:MOST_ROWS]
                if spot.line.gpu_percent >= GPU_THRESHOLD_PERCENT
            ),
            cpu_threshold=cpu_threshold,
            memory_threshold_mb=memory_threshold_mb,
            notes=notes if self.profile.options.memory else (*notes, MEMORY_NOT_PROFILED),
        )

    def get_function_summary(self, top_n: int = 10) -> FunctionSummary:
        """The ``top_n`` functions with the most self time, their callers and callees.

        Raises:
            ValueError: ``top_n`` is below 1.
        """
        return self._functions.summary(_checked(top_n))

    def analyze(
        self,
        focus: Focus = "all",
        top_n: int = 10,
        cpu_threshold: float = 5.0,
        memory_threshold_mb: float = 10.0,
    ) -> Analysis:
        """Everything that matters about the resources in focus, with suggestions.

        Args:
            focus: ``all``, ``cpu``, ``memory`` or ``gpu``.
            top_n: how many lines of each kind, and how many suggestions.
            cpu_threshold: share of CPU time from which a line is a bottleneck, in percent.
            memory_threshold_mb: MB allocated from which a line is a bottleneck.

        Raises:
            ValueError: ``top_n`` is below 1.
        """
        cpu, memory, gpu = (focus in {"all", part} for part in ("cpu", "memory", "gpu"))
        found = self.get_bottlenecks(cpu_threshold, memory_threshold_mb)
        floors = {
            Figure.CPU: cpu_threshold,
            Figure.ALLOCATED: memory_threshold_mb,
            Figure.RETAINED: memory_threshold_mb,
        }
        return Analysis(
            profile_id=self.profile.profile_id,
            program=self.profile.target.name,
            focus=focus,
            summary=self.profile.summary,
            cpu=self.get_cpu_hotspots(top_n) if cpu else None,
            memory=self.get_memory_hotspots(top_n) if memory else None,
            gpu=self.get_gpu_hotspots(top_n) if gpu else None,
            bottlenecks=found.model_copy(
                update={
                    "cpu": found.cpu[:top_n] if cpu else (),
                    "memory": found.memory[:top_n] if memory else (),
                    "gpu": found.gpu[:top_n] if gpu else (),
                }
            ),
            leaks=self.get_memory_leaks() if memory else None,
            suggestions=self._suggestions(_FIGURES[focus], floors)[: _checked(top_n)],
            notes=found.notes if memory else self.profile.summary.notes,
        )

    def overview(self) -> str:
        """What to read first of a new profile: how it ran, its hottest lines, its allocations."""
        return overview(self.profile, self.get_cpu_hotspots(5), self.get_memory_hotspots(5))

    def _suggestions(
        self, figures: tuple[Figure, ...], floors: dict[Figure, float]
    ) -> tuple[Suggestion, ...]:
        spots = {figure: self._by_figure[figure] for figure in figures}
        return self._advisor.suggest(spots, floors)

    def _cpu_row(self, spot: Spot) -> CpuHotspot:
        return CpuHotspot.at(spot, self.profile.summary.cpu_time_sec)

    def _cpu_over(self, threshold: float) -> list[Spot]:
        return [spot for spot in self._cpu[:MOST_ROWS] if cpu_figure(spot) >= threshold]

    def _memory_over(self, threshold_mb: float) -> list[Spot]:
        return [
            spot for spot in self._memory[:MOST_ROWS] if allocated_mb(spot.line) >= threshold_mb
        ]

    def _gpu_notes(self) -> tuple[str, ...]:
        gpu = self.profile.gpu
        if not gpu.requested:
            return (GPU_NOT_ASKED,)
        if not gpu.seen:
            return (GPU_NOT_SEEN,)
        return () if self._gpu else ("A GPU was seen, but no line was seen using it.",)

    @cached_property
    def _cpu(self) -> list[Spot]:
        return cpu_order(self.profile)

    @cached_property
    def _memory(self) -> list[Spot]:
        return memory_order(self.profile) if self.profile.options.memory else []

    @cached_property
    def _gpu(self) -> list[Spot]:
        return gpu_order(self.profile)

    @cached_property
    def _by_figure(self) -> dict[Figure, list[Spot]]:
        """The lines to look at for each figure, those with most of it first."""
        waiting = [
            spot for spot in all_spots(self.profile) if figure_of(spot.line, Figure.WAIT) > 0
        ]
        retaining = [spot for spot in self._memory if figure_of(spot.line, Figure.RETAINED) > 0]
        return {
            Figure.CPU: self._cpu,
            Figure.WAIT: _by(Figure.WAIT, waiting),
            Figure.ALLOCATED: self._memory,
            Figure.RETAINED: _by(Figure.RETAINED, retaining),
        }

    @cached_property
    def _leaks(self) -> MemoryLeaks:
        return leak_report(self.profile)

    @cached_property
    def _advisor(self) -> Advisor:
        return Advisor(self.profile, self._sources)

    @cached_property
    def _sources(self) -> Sources:
        return Sources(self.profile)

    @cached_property
    def _functions(self) -> FunctionTable:
        return FunctionTable(self.profile, self._sources)


def _checked(top_n: int) -> int:
    if top_n < 1:
        raise ValueError(f"top_n must be at least 1, not {top_n}")
    return top_n


def _by(figure: Figure, spots: list[Spot]) -> list[Spot]:
    return sorted(spots, key=lambda spot: (-figure_of(spot.line, figure), *spot.place))
