"""Which lines hold the memory: the recorder's record (``child/memory_recorder.py``), made lines.

Scalene says how much lines allocate, not what they keep. The record says how memory grew, and, in
windows of the run, on which lines what grew was allocated. One window stands for the interval
around it: what the program added in the interval and never gave back is shared out in the
proportions seen in the window. Blocks of several megabytes are known one by one from Scalene's
samples and are taken out first.
"""

from bisect import bisect_right
from collections import Counter, defaultdict
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from itertools import pairwise

import msgspec

from dynogate.profiling.capture.lines import LineKey
from dynogate.profiling.capture.sources import SourceIndex
from dynogate.profiling.models import (
    FileProfile,
    LineProfile,
    MemoryFlow,
    MemoryRecord,
    ProfileResult,
)

BIG_MB = 4.0
"""Scalene's sample of this size is mostly one block: its threshold is 1 MB."""

SLICES = 12
"""Intervals of a run without windows."""

_HEADER_MB = 16 / 2**20

_SAMPLE_MB = 0.0013
"""What Scalene itself keeps of each sample (measured: 2.6 MB after 1965 samples)."""

Timeline = Sequence[tuple[float, float]]
"""(seconds, MB), in order of time."""


Amounts = defaultdict[LineKey, float]
"""MB by line."""


class _Window(msgspec.Struct):
    start: float
    end: float
    held_mb: float
    grown: list[tuple[list[tuple[str, int]], float, int]]


class _Record(msgspec.Struct):
    polls: list[tuple[float, float, float, float, float]]
    windows: list[_Window]
    flows: list[tuple[float, float, str, int]]
    sums: list[tuple[str, int, float, float]]


@dataclass(frozen=True, slots=True)
class _Flow:
    seconds: float
    mb: float
    line: LineKey


def attribute_memory(
    profile: ProfileResult,
    record: bytes | None,
    *,
    is_profiled: Callable[[str], bool],
    sources: SourceIndex,
    rename: Mapping[str, str] | None = None,
) -> ProfileResult:
    """The profile with what each line retained.

    Fills ``LineProfile.retained_mb`` and ``memory_samples``, raises ``malloc_mb`` to what was
    retained at least, replaces ``memory_timeline`` by the finer one of the record (growth since
    the start) and sets ``memory_record``. Lines that Scalene missed are added.

    Args:
        profile: as built from Scalene's JSON.
        record: the bytes that ``memory_recorder`` wrote; None, or what can't be read, changes
            nothing.
        is_profiled: which files are reported line by line, by their name in the child.
        sources: texts and functions, by the files' names in the profile.
        rename: names of files in the child to names in the profile, where they differ.
    """
    if not record:
        return profile
    try:
        parsed = msgspec.json.decode(record, type=_Record)
    except msgspec.DecodeError:
        return profile
    if len(parsed.polls) < 2:
        return profile
    reader = _Reader(parsed, is_profiled, rename or {})
    timeline = reader.timeline()
    known = reader.record(timeline)
    return profile.model_copy(
        update={
            "memory_timeline": timeline,
            "memory_record": known,
            "files": _with_memory(profile.files, known, sources),
        }
    )


def own_share(flow: MemoryFlow) -> float:
    """How much of the memory that a line's blocks take under Scalene is the program's own.

    Scalene puts 16 bytes before every block, which is half of a small integer.
    """
    risen = sum(flow.rising_mb)
    return risen / (risen + _HEADER_MB * flow.blocks) if risen > 0 else 1.0


def kept(timeline: Timeline) -> list[float]:
    """At each point, the least of this and all later points: what is never given back after it."""
    floor: list[float] = []
    least = float("inf")
    for _, mb in reversed(timeline):
        least = min(least, mb)
        floor.append(least)
    return floor[::-1]


def at(timeline: Timeline, values: Sequence[float], seconds: float) -> float:
    """``values`` (one for each point of ``timeline``) at a time, linear between the points."""
    previous = 0
    for index, (time, _) in enumerate(timeline):
        if time >= seconds:
            span = time - timeline[previous][0]
            part = (seconds - timeline[previous][0]) / span if span > 0 else 1.0
            return values[previous] + (values[index] - values[previous]) * max(part, 0.0)
        previous = index
    return values[-1]


class _Reader:
    """The record in terms of the profile's lines."""

    def __init__(
        self, record: _Record, is_profiled: Callable[[str], bool], rename: Mapping[str, str]
    ) -> None:
        self._is_profiled = is_profiled
        self._rename = rename
        self._polls = record.polls
        self._blocks: Counter[LineKey] = Counter()
        self._windows = [(w, self._rises(w)) for w in record.windows]
        self._sums = {self._line(f, n): (taken, freed) for f, n, taken, freed in record.sums}
        self._residues = [self._residue(window) for window in record.windows]
        self._sample_times = sorted(seconds for seconds, *_ in record.flows)
        self._flows = [
            _Flow(seconds, mb, self._line(file, lineno))
            for seconds, mb, file, lineno in record.flows
            if is_profiled(file)
        ]

    def _line(self, file: str, lineno: int) -> LineKey:
        return self._rename.get(file, file), lineno

    def _rises(self, window: _Window) -> Amounts:
        """MB that accumulated in a window, by the innermost line of a profiled file."""
        rises: Amounts = defaultdict(float)
        for stack, mb, blocks in window.grown:
            for file, lineno in stack:
                if self._is_profiled(file):
                    rises[self._line(file, lineno)] += mb
                    self._blocks[self._line(file, lineno)] += blocks
                    break
        return rises

    def timeline(self) -> tuple[tuple[float, float], ...]:
        """Growth of the program's footprint since the start, the profilers' own left out."""
        first = self._polls[0]
        points = []
        for poll in self._polls:
            seconds = poll[0]
            resident, handed_out, sampled = (poll[n] - first[n] for n in (1, 2, 3))
            own = _SAMPLE_MB * bisect_right(self._sample_times, seconds)
            grown = max(resident - self._left_by_windows(seconds), handed_out) - own
            points.append((seconds, max(grown if poll[1] else sampled, 0.0)))
        return tuple(points)

    def _left_by_windows(self, seconds: float) -> float:
        """MB that tracing took and the process keeps for its next use: the most of all windows."""
        return max((left for end, left in self._residues if end <= seconds), default=0.0)

    def _residue(self, window: _Window) -> tuple[float, float]:
        before = [poll for poll in self._polls if poll[0] <= window.start]
        after = [poll for poll in self._polls if poll[0] >= window.end]
        if not before or not after:
            return window.end, 0.0
        first, last = self._polls[0], self._polls[-1]
        unwatched = after[0][0] - before[-1][0] - (window.end - window.start)
        usual = unwatched * max(last[1] - first[1], 0.0) / (last[0] - first[0])
        return window.end, max(after[0][1] - before[-1][1] - window.held_mb - usual, 0.0)

    def record(self, timeline: Timeline) -> MemoryRecord:
        """What each line kept in each interval."""
        end = timeline[-1][0]
        looks = [(w.start, w.end, rises) for w, rises in self._windows if rises]
        exact = bool(looks)
        intervals = _around([start for start, _, _ in looks], end) if exact else _slices(end)
        if not exact:
            looks = [(start, stop, self._sampled(start, stop)) for start, stop in intervals]
        floor = kept(timeline)
        big = self._big_blocks()
        columns: list[Amounts] = []
        for (start, stop), (_, _, rises) in zip(intervals, looks, strict=True):
            growth = max(at(timeline, floor, stop) - at(timeline, floor, start), 0.0)
            columns.append(_share_out(growth, big.pop_between(start, stop), rises))
        lines = sorted({line for column in columns for line in column})
        return MemoryRecord(
            exact=exact,
            intervals=tuple(intervals),
            watched_sec=tuple(stop - start for start, stop, _ in looks),
            progress_sec=tuple(poll[4] for poll in self._polls),
            flows=tuple(
                MemoryFlow(
                    file=line[0],
                    lineno=line[1],
                    kept_mb=tuple(column[line] for column in columns),
                    rising_mb=tuple(rises[line] for _, _, rises in looks),
                    blocks=self._blocks[line],
                    taken_mb=self._sums.get(line, (0.0, 0.0))[0],
                    freed_mb=self._sums.get(line, (0.0, 0.0))[1],
                )
                for line in lines
            ),
        )

    def _sampled(self, start: float, stop: float) -> Amounts:
        """Net megabytes that Scalene sampled on each line, big blocks left out."""
        net: Amounts = defaultdict(float)
        for flow in self._flows:
            if start <= flow.seconds < stop and abs(flow.mb) < BIG_MB:
                net[flow.line] += flow.mb
        return defaultdict(float, {line: mb for line, mb in net.items() if mb > 0})

    def _big_blocks(self) -> "_BigBlocks":
        return _BigBlocks(self._flows, len(self._windows))


class _BigBlocks:
    """Blocks of several megabytes that were not freed, one by one."""

    def __init__(self, flows: Sequence[_Flow], windows: int) -> None:
        taken: list[_Flow] = []
        freed: Counter[LineKey] = Counter()
        for flow in flows:
            if flow.mb >= BIG_MB:
                taken.append(flow)
            elif flow.mb <= -BIG_MB:
                match = _last_alike(taken, -flow.mb)
                if match is not None:
                    freed[taken.pop(match).line] += 1
        left = Counter(flow.line for flow in taken)
        # Frees within a window are not sampled: one block of such a line may seem left each time.
        self._kept = [f for f in taken if not freed[f.line] or left[f.line] > windows + 1]

    def pop_between(self, start: float, stop: float) -> Amounts:
        """MB by line of the blocks allocated in an interval."""
        found: Amounts = defaultdict(float)
        for flow in self._kept:
            if start <= flow.seconds < stop:
                found[flow.line] += flow.mb
        return found


def _last_alike(taken: Sequence[_Flow], mb: float) -> int | None:
    """The latest block of about this size: samples carry up to 1 MB of their neighbours."""
    for index in range(len(taken) - 1, -1, -1):
        if abs(taken[index].mb - mb) <= 1.1 + 0.05 * mb:
            return index
    return None


def _share_out(
    growth: float, big: Mapping[LineKey, float], rises: Mapping[LineKey, float]
) -> Amounts:
    """``growth`` MB among lines: first the big blocks, the rest as ``rises`` are to each other."""
    shares: Amounts = defaultdict(float)
    scale = min(1.0, growth / sum(big.values())) if big else 0.0
    for line, mb in big.items():
        shares[line] += mb * scale
    rest = growth - sum(shares.values())
    total = sum(rises.values())
    for line, mb in rises.items():
        shares[line] += rest * mb / total
    return shares


def _around(starts: Sequence[float], end: float) -> list[tuple[float, float]]:
    """The run cut halfway between neighbouring windows."""
    cuts = [0.0, *((a + b) / 2 for a, b in pairwise(starts)), end]
    return list(pairwise(cuts))


def _slices(end: float) -> list[tuple[float, float]]:
    return [(end * n / SLICES, end * (n + 1) / SLICES) for n in range(SLICES)]


def _with_memory(
    files: Sequence[FileProfile], record: MemoryRecord, sources: SourceIndex
) -> tuple[FileProfile, ...]:
    """The files with retained memory on their lines; nothing retained is 0 where exactly known."""
    flows: defaultdict[str, dict[int, MemoryFlow]] = defaultdict(dict)
    for flow in record.flows:
        flows[flow.file][flow.lineno] = flow
    known = {file.file: file for file in files}
    for name in flows.keys() - known.keys():
        known[name] = FileProfile(file=name, cpu_percent=0.0, lines=())
    return tuple(
        file.model_copy(update={"lines": _lines(file, flows[file.file], record, sources)})
        for file in known.values()
    )


def _lines(
    file: FileProfile,
    flows: Mapping[int, MemoryFlow],
    record: MemoryRecord,
    sources: SourceIndex,
) -> tuple[LineProfile, ...]:
    lines = {line.lineno: line for line in file.lines}
    for lineno in flows.keys() - lines.keys():
        lines[lineno] = LineProfile(
            lineno=lineno,
            function=sources.function(file.file, lineno),
            source=sources.line(file.file, lineno),
            cpu_percent=0.0,
            cpu_percent_python=0.0,
            cpu_percent_native=0.0,
            cpu_percent_system=0.0,
        )
    return tuple(_line(lines[n], flows.get(n), record) for n in sorted(lines))


def _line(line: LineProfile, flow: MemoryFlow | None, record: MemoryRecord) -> LineProfile:
    if flow is None:
        return line.model_copy(update={"retained_mb": 0.0})
    held = 0.0
    own = own_share(flow)
    samples = [(0.0, 0.0)]
    for (_, stop), mb in zip(record.intervals, flow.kept_mb, strict=True):
        held += own * mb
        samples.append((stop, held))
    return line.model_copy(
        update={
            "retained_mb": held,
            "malloc_mb": max(line.malloc_mb, held),
            "peak_mb": max(line.peak_mb, held),
            "memory_samples": tuple(samples),
        }
    )
