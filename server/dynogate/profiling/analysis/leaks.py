"""Which lines leak: memory that grows steadily, to the end of the run, and is never given back.

The rule, in this order:

1. The program as a whole leaks. Of its footprint only what is never given back counts (``kept``,
   the running minimum seen from the end), so a sawtooth is flat. That growth has to be spread
   evenly over the run (``_MAX_DISTANCE``) and last to its end (``_still_growing``): a warm-up, one
   big allocation, or a result that is built and then used, is no leak. A program that does nothing
   but build one result, from its first to its last moment, cannot be told from one that leaks and
   is reported.
2. A line leaks where, in the windows in which blocks were traced, memory of that line rose each
   time; what a line allocates and frees does not rise, however much it is.
3. Its rate is its part of the program's growth, by the clock of the run.

Scalene's own JSON names the line that happens to cross a megabyte, which may be a neighbour of the
leaking one. Without the recorder's record only a program with one allocating line gets an answer.
"""

import itertools
from collections.abc import Sequence
from dataclasses import dataclass

from pydantic import Field

from dynogate.profiling.capture.memory import Timeline, at, kept, own_share
from dynogate.profiling.models import LineProfile, MemoryFlow, MemoryRecord, Model, ProfileResult

MIN_RATE_MB_PER_SEC = 0.5
"""Slower growth is not told from the profiler's own: Scalene's records of a program that only
churns were measured to grow by up to 0.9 MB/s."""

MIN_GROWTH_MB = 4.0
"""Less is within what imports, caches and a fragmented heap add to any program: a table of 1.5 MB
that a program builds was measured to look like 2 to 3 MB."""

_WARM_UP = 0.1
"""The first tenth of a run imports, connects and fills caches; it is not judged."""

_STEP_SHARE = 0.5
_LATEST_STEP = 0.6
"""One step of half of the growth, in the first 60 % of the run, is a model that is loaded or a
buffer that is made: growth is judged from there."""

_MAX_DISTANCE = 0.25
"""Kolmogorov's distance between when memory grew and evenly over time. A leak at a steady rate
has 0, one with four equal steps 0.25, growth that ended after 70 % of the run 0.3."""

_QUIET_END = 0.1
"""So much of the run may pass after the last growth, or 1.5 times the usual pause if longer."""

_TEAR_DOWN = 0.06
"""Memory freed within this last part of the run is the program's clearing up when it ends."""

_MIN_SHARE = 0.1
"""A line below a tenth of the growth is beside the point, and within the shares' error."""

_FEW_BLOCKS = 4
"""Fewer blocks than this may be what a line that frees them happened to hold when looked at."""

_TELLING = 0.02
"""A look in which so little rose, beside the best one, saw nothing: the program waited."""

_ALONE = 0.8
"""A line seen in one look only has to hold so much of what rose."""

_CHURNED = 0.5
_HOLES = 0.25
"""A line that frees over half of what it takes leaves holes in the heap, which look like growth of
up to a quarter of what it freed: ``json.dumps`` with an indent, forty times, left 14 of 80 MB."""

_MIN_CONFIDENCE = 0.5
_SAMPLED_CONFIDENCE = 0.5
"""What evidence from samples alone counts at most: they can name a neighbouring line."""


class Leak(Model):
    """One line that keeps allocating memory that is never given back."""

    file: str
    lineno: int
    function: str
    source: str
    rate_mb_per_sec: float = Field(description="Growth by this line, MB a second of the run.")
    confidence: float = Field(description="0 to 1; see evidence for what it rests on.", ge=0, le=1)
    retained_mb: float = Field(description="What had accumulated on the line, in MB.")
    evidence: str = Field(description="The observations the finding rests on.")


@dataclass(frozen=True, slots=True)
class _Trend:
    """The footprint's steady growth."""

    start: float
    end: float
    grown_mb: float
    gross_mb: float
    distance: float

    @property
    def rate(self) -> float:
        return self.grown_mb / (self.end - self.start)

    @property
    def gives_back(self) -> bool:
        """Whether a good part of what is allocated is freed in the long run."""
        return self.grown_mb < 0.7 * self.gross_mb


@dataclass(frozen=True, slots=True)
class _Suspect:
    """A line and its part of the rising memory."""

    flow: MemoryFlow
    share: float
    seen: int
    looks: int


def find_leaks(profile: ProfileResult) -> tuple[Leak, ...]:
    """The lines that leak, fastest first; empty where memory was not profiled.

    Confidence is (k + 1) / (n + 2) (Laplace's rule of succession: the chance that the line
    accumulates memory the next time one looks, after it did in k of n looks), times one minus
    the distance of the program's growth from a steady one.
    """
    record = profile.memory_record
    clock = (record and record.progress_sec) or [t for t, _ in profile.memory_timeline]
    trend = _trend(profile.memory_timeline, clock)
    if trend is None:
        return ()
    if record is None or not record.flows:
        return _without_record(profile, trend)
    suspects = _suspects(record, trend)
    if trend.gives_back and len(suspects) > 1:
        # A batch that fills and is cleared rises in the looks just as a leak beside it does.
        return ()
    leaks = [_leak(profile, suspect, record, trend) for suspect in suspects]
    chosen = [
        leak
        for leak in leaks
        if leak.rate_mb_per_sec >= MIN_RATE_MB_PER_SEC and leak.confidence >= _MIN_CONFIDENCE
    ]
    return tuple(sorted(chosen, key=lambda leak: (-leak.rate_mb_per_sec, leak.file, leak.lineno)))


def _trend(timeline: Timeline, clock: Sequence[float]) -> _Trend | None:
    """The growth of a footprint that leaks; None where it does not.

    Whether growth is even is judged by ``clock``: on a crowded machine a program stands still at
    times. Rates are by the wall clock.
    """
    if len(timeline) < 8:
        return None
    timeline = _without_tear_down(timeline)
    end = timeline[-1][0]
    floor = kept(timeline)
    start = _judged_from(timeline, floor)
    first = at(timeline, floor, start)
    grown = floor[-1] - first
    if end <= start or grown < MIN_GROWTH_MB or grown < MIN_RATE_MB_PER_SEC * (end - start):
        return None
    clock = clock[: len(timeline)]
    own_start = at(timeline, clock, start)
    points = [
        ((own - own_start) / (clock[-1] - own_start), (mb - first) / grown)
        for own, mb in zip(clock, floor, strict=True)
        if own > own_start
    ]
    distance = max(abs(mb - seconds) for seconds, mb in points)
    if distance > _MAX_DISTANCE or not _still_growing(points):
        return None
    lows = itertools.pairwise(_lows(timeline, start, end))
    return _Trend(
        start=start,
        end=end,
        grown_mb=grown,
        gross_mb=sum(max(after - before, 0.0) for before, after in lows),
        distance=distance,
    )


def _judged_from(timeline: Timeline, floor: Sequence[float]) -> float:
    """When steady growth may begin: after the warm-up, and after one step of most of the growth."""
    begin, end = timeline[0][0], timeline[-1][0]
    steps = [after - before for before, after in itertools.pairwise(floor)]
    largest = max(range(len(steps)), key=steps.__getitem__)
    stepped = timeline[largest + 1][0]
    warm = begin + _WARM_UP * (end - begin)
    is_load = steps[largest] >= _STEP_SHARE * (floor[-1] - floor[0])
    return (
        max(warm, stepped) if is_load and stepped <= begin + _LATEST_STEP * (end - begin) else warm
    )


def _lows(timeline: Timeline, start: float, end: float) -> list[float]:
    """The least footprint of each thirtieth of the time: what is freed within it never shows."""
    lows: dict[int, float] = {}
    for seconds, mb in timeline:
        if seconds >= start:
            part = int(30 * (seconds - start) / (end - start))
            lows[part] = min(mb, lows.get(part, mb))
    return list(lows.values())


def _without_tear_down(timeline: Timeline) -> Timeline:
    """The timeline up to its last high, where the program ends by freeing most of its memory."""
    begin, end = timeline[0][0], timeline[-1][0]
    late = [i for i, (t, _) in enumerate(timeline) if t >= end - _TEAR_DOWN * (end - begin)]
    top = max(late, key=lambda index: timeline[index][1])
    if timeline[-1][1] > 0.5 * timeline[top][1]:
        return timeline
    return timeline[: top + 1]


def _still_growing(points: Sequence[tuple[float, float]]) -> bool:
    """Whether growth lasted to the end, as its pauses let one expect.

    A pause is the time between two crossings of the next fortieth of the growth.
    """
    crossings = [0.0]
    reached = 0.025
    for seconds, mb in points:
        if mb >= reached:
            crossings.append(seconds)
            reached = mb + 0.025
    pauses = sorted(b - a for a, b in itertools.pairwise(crossings))
    usual = pauses[int(0.75 * (len(pauses) - 1))]
    return 1.0 - crossings[-1] <= max(_QUIET_END, 1.5 * usual)


def _suspects(record: MemoryRecord, trend: _Trend) -> list[_Suspect]:
    """Lines that rose in most looks and in the last ones, largest share first."""
    risen = [sum(column) for column in zip(*(flow.rising_mb for flow in record.flows), strict=True)]
    looks = [
        index
        for index, (start, stop) in enumerate(record.intervals)
        if stop > trend.start and start < trend.end and risen[index] > _TELLING * max(risen)
    ]
    totals = [risen[index] for index in looks]
    weights = [sum(flow.kept_mb[index] for flow in record.flows) + 1e-9 for index in looks]
    suspects = []
    for flow in record.flows:
        rises = [flow.rising_mb[index] for index in looks]
        shares = [rise / total for rise, total in zip(rises, totals, strict=True)]
        share = _middle(shares, weights)
        suspect = _Suspect(
            flow=flow,
            share=share,
            seen=sum(part >= _MIN_SHARE / 2 for part in shares),
            looks=len(looks),
        )
        convincing = _convincing(suspect, record.exact) or _only_look(suspect, trend)
        if _leaves_holes(suspect, trend):
            continue
        if share >= _MIN_SHARE and any(rises[-3:]) and convincing:
            suspects.append(suspect)
    whole = sum(suspect.share for suspect in suspects)
    return suspects if whole >= 0.5 else []


def _convincing(suspect: _Suspect, exact: bool) -> bool:
    """Whether a line rose often enough: in two looks, in half of them, and by several blocks."""
    flow = suspect.flow
    several = not exact or flow.blocks == 0 or flow.blocks >= _FEW_BLOCKS or _never_freed(flow)
    return several and suspect.seen >= 2 and 2 * suspect.seen >= suspect.looks


def _leaves_holes(suspect: _Suspect, trend: _Trend) -> bool:
    """Whether a line's growth may be no more than what its churn leaves unused in the heap."""
    flow = suspect.flow
    churns = flow.freed_mb > _CHURNED * flow.taken_mb
    return churns and suspect.share * trend.grown_mb < _HOLES * flow.freed_mb


def _only_look(suspect: _Suspect, trend: _Trend) -> bool:
    """Whether the one look there was shows a line whose memory also stayed all through the run.

    A program that never waits leaves the recorder few turns.
    """
    flow = suspect.flow
    stayed = flow.taken_mb - flow.freed_mb >= 0.5 * trend.grown_mb
    return suspect.looks == suspect.seen == 1 and suspect.share >= _ALONE and stayed


def _never_freed(flow: MemoryFlow) -> bool:
    """Whether a line's blocks are so large that Scalene saw each, and saw none freed there.

    A large buffer that grows moves rarely, and looks like one new block each time.
    """
    large = sum(flow.rising_mb) >= flow.blocks
    return large and flow.taken_mb > 0 and flow.freed_mb < 0.2 * flow.taken_mb


def _middle(shares: Sequence[float], weights: Sequence[float]) -> float:
    """The weighted mean of the middle half.

    A list that moves to a larger block in one window looks like the growth of its whole size.
    """
    if len(shares) < 4:
        pairs = list(zip(shares, weights, strict=True))
    else:
        ordered = sorted(zip(shares, weights, strict=True))
        cut = len(ordered) // 4
        pairs = ordered[cut : len(ordered) - cut]
    return sum(share * weight for share, weight in pairs) / sum(weight for _, weight in pairs)


def _leak(profile: ProfileResult, suspect: _Suspect, record: MemoryRecord, trend: _Trend) -> Leak:
    own = own_share(suspect.flow) if record.exact else 1.0
    rate = trend.rate * suspect.share * own
    confidence = (suspect.seen + 1) / (suspect.looks + 2) * (1 - trend.distance)
    line = _line(profile, suspect.flow.file, suspect.flow.lineno)
    how = "traced windows" if record.exact else "slices of the run (sampled, not traced)"
    return Leak(
        file=suspect.flow.file,
        lineno=suspect.flow.lineno,
        function=line.function if line else "<module>",
        source=line.source if line else "",
        rate_mb_per_sec=rate,
        confidence=confidence if record.exact else min(confidence, _SAMPLED_CONFIDENCE),
        retained_mb=own * sum(suspect.flow.kept_mb),
        evidence=(
            f"The footprint grew by {trend.grown_mb:.1f} MB in {trend.end - trend.start:.1f} s "
            f"({trend.rate:.1f} MB/s), steadily (distance {trend.distance:.2f} from an even "
            f"growth) and to the end, and nothing of it was given back. Memory of this line "
            f"rose in {suspect.seen} of {suspect.looks} {how}, with {100 * suspect.share:.0f} % "
            "of what accumulated."
        ),
    )


def _without_record(profile: ProfileResult, trend: _Trend) -> tuple[Leak, ...]:
    """The only allocating line, where what it allocated is what stayed."""
    lines = [
        (file.file, line) for file in profile.files for line in file.lines if line.malloc_mb > 0
    ]
    if len(lines) != 1:
        return ()
    file, line = lines[0]
    if abs(line.malloc_mb - trend.grown_mb) > 0.25 * trend.grown_mb:
        return ()
    return (
        Leak(
            file=file,
            lineno=line.lineno,
            function=line.function,
            source=line.source,
            rate_mb_per_sec=trend.rate,
            confidence=_SAMPLED_CONFIDENCE * (1 - trend.distance),
            retained_mb=trend.grown_mb,
            evidence=(
                f"The footprint grew by {trend.grown_mb:.1f} MB steadily and to the end, and this "
                "is the only line that Scalene saw allocate. Its samples can name a neighbouring "
                "line: profile with Dynogate for traced evidence."
            ),
        ),
    )


def _line(profile: ProfileResult, file: str, lineno: int) -> LineProfile | None:
    for profiled in profile.files:
        if profiled.file == file:
            return next((line for line in profiled.lines if line.lineno == lineno), None)
    return None
