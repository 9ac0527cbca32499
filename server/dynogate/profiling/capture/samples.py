"""Stacks seen by the line sampler, cleaned of profiler frames and summed by line and by stack.

py-spy writes them as a speedscope document (https://www.speedscope.app/file-format-schema.json):
a table of frames, and for each thread its samples as lists of indices into it, root first. Threads
that are not running are not in it, so sleep and I/O wait cost nothing here.
"""

from collections import Counter, defaultdict
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field
from enum import Enum, auto
from pathlib import Path, PurePath

import msgspec

MAX_STACKS = 20_000
"""Distinct stacks kept; rarer ones are folded to their last frame, so that totals stay right."""

MAX_DEPTH = 256
"""Frames kept of one stack: the outermost quarter and the innermost three quarters."""

_CHILD = Path(__file__).with_name("child").parts[-4:]
_RUN_NAMES = ("_run_once", "_run_module")
_FORK_FILE = PurePath("multiprocessing") / "process.py"


class _SharedFrame(msgspec.Struct):
    name: str
    file: str | None = None
    line: int | None = None


class _Shared(msgspec.Struct):
    frames: list[_SharedFrame]


class _Thread(msgspec.Struct):
    samples: list[list[int]]


class _Speedscope(msgspec.Struct):
    shared: _Shared
    profiles: list[_Thread]


class RawFrame(msgspec.Struct, frozen=True):
    """A frame as sampled."""

    file: str
    function: str
    lineno: int


class _Role(Enum):
    """What a frame is to the profile."""

    CODE = auto()  # the program's, or a library's
    RUN = auto()  # where our entry hands over to the program: it and its callers are left out
    CHILD = auto()  # where a forked child starts its own work: its callers belong to the parent
    WRAPPER = auto()  # Scalene's stand-in for a function of the library: left out
    OVERHEAD = auto()  # the profiler at work: the whole sample is left out
    NOTE = auto()  # py-spy's name of the process: left out


@dataclass(slots=True)
class Samples:
    """What the line sampler saw.

    Attributes:
        total: samples of the program, all its threads and child processes together.
        lines: samples by (file, line) of the innermost frame in a profiled file.
        stacks: samples by stack, root first.
    """

    total: int = 0
    lines: Counter[tuple[str, int]] = field(default_factory=Counter)
    stacks: Counter[tuple[RawFrame, ...]] = field(default_factory=Counter)


def read_samples(documents: Sequence[bytes], is_profiled: Callable[[str], bool]) -> Samples:
    """Sum py-spy's documents.

    Args:
        documents: speedscope JSON, one or several of the same run; unreadable ones are left out.
        is_profiled: whether a file belongs to the program, so that its lines are reported.
    """
    result = Samples()
    for document in documents:
        try:
            parsed = msgspec.json.decode(document, type=_Speedscope)
        except msgspec.DecodeError:
            continue
        _add(parsed, is_profiled, result)
    if len(result.stacks) > MAX_STACKS:
        result.stacks = _fold_rare(result.stacks)
    return result


def _add(document: _Speedscope, is_profiled: Callable[[str], bool], result: Samples) -> None:
    frames = [
        RawFrame(frame.file or "", frame.name, frame.line or 0) for frame in document.shared.frames
    ]
    roles = [_role(frame) for frame in frames]
    profiled = [is_profiled(frame.file) for frame in frames]
    for stack, count in _distinct(document, len(frames)).items():
        kept = _clean(stack, roles)
        if not kept:
            continue
        result.total += count
        leaf = next((index for index in reversed(kept) if profiled[index]), None)
        if leaf is not None:
            result.lines[frames[leaf].file, frames[leaf].lineno] += count
        result.stacks[tuple(frames[index] for index in _shorten(kept))] += count


def _distinct(document: _Speedscope, frame_count: int) -> Counter[tuple[int, ...]]:
    """Samples by stack; a stack with an index that is not in the table is left out."""
    stacks: Counter[tuple[int, ...]] = Counter()
    for thread in document.profiles:
        stacks.update(map(tuple, thread.samples))
    return Counter(
        {
            stack: count
            for stack, count in stacks.items()
            if stack and min(stack) >= 0 and max(stack) < frame_count
        }
    )


def _role(frame: RawFrame) -> _Role:
    if not frame.file:
        return _Role.NOTE
    path = PurePath(frame.file)
    bare = frame.function.rpartition(".")[2]
    if path.parts[-5:-1] == _CHILD:
        return _Role.RUN if bare in _RUN_NAMES else _Role.OVERHEAD
    if path.parent.name == "scalene":
        is_wrapper = path.name.startswith("replacement_") or bare == "wrapped"
        return _Role.WRAPPER if is_wrapper else _Role.OVERHEAD
    if path.parts[-2:] == _FORK_FILE.parts and bare == "_bootstrap":
        return _Role.CHILD
    return _Role.CODE


def _clean(stack: Sequence[int], roles: Sequence[_Role]) -> list[int]:
    """The program's own frames; none where the profiler was at work."""
    start = 0
    for position, index in enumerate(stack):
        if roles[index] in (_Role.RUN, _Role.CHILD):
            start = position + 1
    kept = stack[start:]
    if any(roles[index] is _Role.OVERHEAD for index in kept):
        return []
    return [index for index in kept if roles[index] in (_Role.CODE, _Role.CHILD)]


def _shorten(stack: list[int]) -> list[int]:
    if len(stack) <= MAX_DEPTH:
        return stack
    head = MAX_DEPTH // 4
    return stack[:head] + stack[head - MAX_DEPTH :]


def _fold_rare(stacks: Counter[tuple[RawFrame, ...]]) -> Counter[tuple[RawFrame, ...]]:
    common = stacks.most_common(MAX_STACKS // 2)
    folded: Counter[tuple[RawFrame, ...]] = Counter(dict(common))
    seen = {stack for stack, _ in common}
    by_leaf: defaultdict[RawFrame, int] = defaultdict(int)
    for stack, count in stacks.items():
        if stack not in seen:
            by_leaf[stack[-1]] += count
    for leaf, count in _first(by_leaf, MAX_STACKS // 2):
        folded[(leaf,)] += count
    return folded


def _first(counts: dict[RawFrame, int], limit: int) -> Iterator[tuple[RawFrame, int]]:
    """The ``limit`` most frequent, the others added to the last of them."""
    ordered = sorted(counts.items(), key=lambda item: -item[1])
    yield from ordered[: limit - 1]
    rest = ordered[limit - 1 :]
    if rest:
        yield rest[0][0], sum(count for _, count in rest)
