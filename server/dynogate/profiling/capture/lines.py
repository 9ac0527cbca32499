"""What lines cost, gathered from several sources and written out as files, functions and lines."""

from collections import defaultdict
from collections.abc import Iterable, Mapping

import msgspec

from dynogate.profiling.capture.sources import MODULE, FunctionRange, SourceIndex
from dynogate.profiling.models import FileProfile, FunctionProfile, LineProfile

LineKey = tuple[str, int]
"""File and line number."""


class LineCost(msgspec.Struct, frozen=True, kw_only=True):
    """The cost of one line: CPU in percent of all CPU time, waiting in percent of the run."""

    cpu_python: float = 0.0
    cpu_native: float = 0.0
    cpu_system: float = 0.0
    core_utilization: float = 0.0
    gpu_percent: float = 0.0
    gpu_avg_memory_mb: float = 0.0
    gpu_peak_memory_mb: float = 0.0
    malloc_mb: float = 0.0
    malloc_count: int = 0
    peak_mb: float = 0.0
    python_fraction: float = 0.0
    copy_mb_per_sec: float = 0.0

    @property
    def cpu(self) -> float:
        """Python and native together."""
        return self.cpu_python + self.cpu_native


NO_COST = LineCost()


def build_files(
    costs: Mapping[LineKey, LineCost],
    sources: SourceIndex,
    texts: Mapping[LineKey, str] | None = None,
) -> tuple[FileProfile, ...]:
    """Files with their lines and functions, the hottest file first.

    Args:
        costs: only lines that cost something.
        sources: texts and functions of the files.
        texts: line texts as they were when the program ran, where known.
    """
    by_file: defaultdict[str, dict[int, LineCost]] = defaultdict(dict)
    for (file, lineno), cost in costs.items():
        by_file[file][lineno] = cost
    files = [_file(file, lines, sources, texts or {}) for file, lines in by_file.items()]
    return tuple(sorted(files, key=lambda item: (-item.cpu_percent, item.file)))


def _file(
    file: str,
    costs: Mapping[int, LineCost],
    sources: SourceIndex,
    texts: Mapping[LineKey, str],
) -> FileProfile:
    lines = tuple(
        _line(
            lineno,
            costs[lineno],
            function=sources.function(file, lineno),
            source=texts.get((file, lineno)) or sources.line(file, lineno),
        )
        for lineno in sorted(costs)
    )
    return FileProfile(
        file=file,
        cpu_percent=sum(line.cpu_percent for line in lines),
        lines=lines,
        functions=tuple(_functions(lines, sources.functions(file))),
    )


def _line(lineno: int, cost: LineCost, *, function: str, source: str) -> LineProfile:
    return LineProfile(
        lineno=lineno,
        function=function,
        source=source,
        cpu_percent=cost.cpu,
        cpu_percent_python=cost.cpu_python,
        cpu_percent_native=cost.cpu_native,
        cpu_percent_system=cost.cpu_system,
        core_utilization=cost.core_utilization,
        gpu_percent=cost.gpu_percent,
        gpu_avg_memory_mb=cost.gpu_avg_memory_mb,
        gpu_peak_memory_mb=cost.gpu_peak_memory_mb,
        malloc_mb=cost.malloc_mb,
        malloc_count=cost.malloc_count,
        peak_mb=cost.peak_mb,
        python_fraction=cost.python_fraction,
        copy_mb_per_sec=cost.copy_mb_per_sec,
    )


def _functions(
    lines: Iterable[LineProfile], ranges: Iterable[FunctionRange]
) -> Iterable[FunctionProfile]:
    """Each function's own lines summed; code at module level is no function."""
    by_name: defaultdict[str, list[LineProfile]] = defaultdict(list)
    for line in lines:
        by_name[line.function].append(line)
    by_name.pop(MODULE, None)
    for item in ranges:
        own = by_name.pop(item.name, None)
        if own is None:
            continue
        yield FunctionProfile(
            name=item.name,
            first_lineno=item.first_lineno,
            last_lineno=item.last_lineno,
            cpu_percent=sum(line.cpu_percent for line in own),
            cpu_percent_python=sum(line.cpu_percent_python for line in own),
            cpu_percent_native=sum(line.cpu_percent_native for line in own),
            cpu_percent_system=sum(line.cpu_percent_system for line in own),
            gpu_percent=sum(line.gpu_percent for line in own),
            malloc_mb=sum(line.malloc_mb for line in own),
            peak_mb=max(line.peak_mb for line in own),
        )
