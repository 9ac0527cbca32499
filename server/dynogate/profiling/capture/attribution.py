"""Which lines get which share of the CPU, where two samplers disagree.

py-spy decides how much, Scalene of what kind (Python, native code, waiting) and everything that is
not CPU time. Scalene credits a line with what its neighbours did, but is right about a function,
so a line that Scalene never saw takes the mix of its function, else of its file, else Python only.
"""

from collections import Counter, defaultdict
from collections.abc import Iterable, Mapping

from msgspec.structs import replace

from dynogate.profiling.capture.lines import NO_COST, LineCost, LineKey
from dynogate.profiling.capture.samples import RawFrame, Samples
from dynogate.profiling.capture.sources import MODULE, SourceIndex
from dynogate.profiling.models import Frame, StackSample

MIN_SAMPLES = 5
"""Fewer samples of py-spy say less than Scalene's own."""

_Mix = tuple[float, float]
"""CPU time in Python and in native code."""


def attribute(
    samples: Samples, scalene: Mapping[LineKey, LineCost], sources: SourceIndex
) -> dict[LineKey, LineCost]:
    """Line costs with py-spy's CPU shares, in percent of all samples of the program."""
    mix = _Mixes(scalene, sources)
    costs = {key: replace(cost, cpu_python=0.0, cpu_native=0.0) for key, cost in scalene.items()}
    for key, count in samples.lines.items():
        share = 100.0 * count / samples.total
        native = share * mix.native_fraction(key)
        costs[key] = replace(costs.get(key, NO_COST), cpu_python=share - native, cpu_native=native)
    return {key: cost for key, cost in costs.items() if cost != NO_COST}


class _Mixes:
    """How much of a line's CPU time is native code, by the closest thing Scalene saw."""

    def __init__(self, scalene: Mapping[LineKey, LineCost], sources: SourceIndex) -> None:
        self._sources = sources
        self._mixes: defaultdict[tuple[str, int | str | None], _Mix] = defaultdict(lambda: (0, 0))
        for (file, lineno), cost in scalene.items():
            for scope in (lineno, sources.function(file, lineno), None):
                python, native = self._mixes[file, scope]
                self._mixes[file, scope] = (python + cost.cpu_python, native + cost.cpu_native)

    def native_fraction(self, key: LineKey) -> float:
        file, lineno = key
        for scope in (lineno, self._sources.function(file, lineno), None):
            python, native = self._mixes.get((file, scope), (0.0, 0.0))
            if python + native > 0:
                return native / (python + native)
        return 0.0


def to_stacks(
    samples: Samples, seconds_per_sample: float, rename: Mapping[str, str], sources: SourceIndex
) -> tuple[StackSample, ...]:
    """The stacks with the program's own names for its functions, the most frequent first."""
    names: dict[RawFrame, Frame] = {}
    stacks: Counter[tuple[Frame, ...]] = Counter()
    for stack, count in samples.stacks.items():
        for frame in stack:
            if frame not in names:
                names[frame] = _frame(frame, rename, sources)
        stacks[tuple(names[frame] for frame in stack)] += count
    return tuple(
        StackSample(frames=frames, cpu_sec=count * seconds_per_sample, count=count)
        for frames, count in stacks.most_common()
    )


def _frame(frame: RawFrame, rename: Mapping[str, str], sources: SourceIndex) -> Frame:
    """py-spy names a method after its object's class; the source has the defining one."""
    file = rename.get(frame.file, frame.file)
    bare = frame.function.rpartition(".")[2]
    function = frame.function
    if not bare.startswith("<"):
        qualified = sources.function(file, frame.lineno)
        if qualified != MODULE and qualified.rpartition(".")[2] == bare:
            function = qualified
    return Frame(file=file, function=function, lineno=frame.lineno)


def rename_lines(
    costs: Iterable[tuple[LineKey, LineCost]], rename: Mapping[str, str]
) -> dict[LineKey, LineCost]:
    """The same lines under their files' names for the reader."""
    return {(rename.get(file, file), lineno): cost for (file, lineno), cost in costs}
