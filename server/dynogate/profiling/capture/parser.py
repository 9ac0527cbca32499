"""Scalene's JSON as typed data.

Every field that is used is checked against a type; what Scalene adds or drops between versions
falls back to "nothing measured". Percentages of CPU time are made shares of the CPU time that
Scalene credited to lines (its own are shares of the wall clock); times are seconds since start.
"""

import hashlib
import platform
from collections import Counter, defaultdict
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path

import msgspec

from dynogate.errors import BadScript
from dynogate.profiling.capture.lines import NO_COST, LineCost, build_files
from dynogate.profiling.capture.sources import SourceIndex
from dynogate.profiling.models import (
    Environment,
    Frame,
    Gpu,
    Outcome,
    ProfileResult,
    ProfileSummary,
    RunOptions,
    StackSample,
    Target,
)
from dynogate.statistics import theil_sen

MAX_JSON_BYTES = 256 * 1024 * 1024
"""More than any real profile; a program could write what it likes in the JSON's place."""

_ESCAPES = (("\\u003c", "<"), ("\\u003e", ">"), ("\\u0026", "&"))


class _Line(msgspec.Struct):
    lineno: int = 0
    line: str = ""
    n_cpu_percent_python: float = 0.0
    n_cpu_percent_c: float = 0.0
    n_sys_percent: float = 0.0
    n_core_utilization: float = 0.0
    n_gpu_percent: float = 0.0
    n_gpu_avg_memory_mb: float = 0.0
    n_gpu_peak_memory_mb: float = 0.0
    n_malloc_mb: float = 0.0
    n_mallocs: float = 0
    n_peak_mb: float = 0.0
    n_python_fraction: float = 0.0
    n_copy_mb_s: float = 0.0
    cpu_samples_list: list[float] = []


class _File(msgspec.Struct):
    percent_cpu_time: float = 0.0
    lines: list[_Line] = []


class _StackCost(msgspec.Struct):
    count: float = 0
    python_time: float = 0.0
    c_time: float = 0.0


class _Document(msgspec.Struct):
    program: str = ""
    elapsed_time_sec: float = 0.0
    max_footprint_mb: float = 0.0
    alloc_samples: int = 0
    memory: bool = False
    gpu: bool = False
    gpu_device: str = ""
    files: dict[str, _File] = {}
    stacks: list[tuple[list[str], _StackCost]] = []
    samples: list[tuple[float, float]] = []


@dataclass(frozen=True, slots=True, kw_only=True)
class ParsedProfile:
    """What Scalene measured.

    Attributes:
        empty: Scalene had no samples, or its JSON could not be read (``problem`` says why).
        lines: cost by (file, line), CPU as shares of Scalene's own total.
        max_footprint_mb: None where memory was not profiled.
        memory_timeline: (seconds since start, MB).
    """

    empty: bool
    problem: str | None = None
    program: str = ""
    elapsed_sec: float = 0.0
    cpu_samples: int = 0
    alloc_samples: int = 0
    max_footprint_mb: float | None = None
    gpu: Gpu = field(default_factory=Gpu)
    lines: Mapping[tuple[str, int], LineCost] = field(default_factory=dict)
    texts: Mapping[tuple[str, int], str] = field(default_factory=dict)
    stacks: tuple[StackSample, ...] = ()
    memory_timeline: tuple[tuple[float, float], ...] = ()

    def only(self, is_profiled: Callable[[str], bool]) -> "ParsedProfile":
        """The same without the lines of other files."""
        return replace(
            self,
            lines={key: cost for key, cost in self.lines.items() if is_profiled(key[0])},
            texts={key: text for key, text in self.texts.items() if is_profiled(key[0])},
        )


def growth_rate(timeline: Sequence[tuple[float, float]]) -> float | None:
    """MB a second: the Theil-Sen slope of a footprint over time; None below three moments."""
    times = [seconds for seconds, _ in timeline]
    if len(set(times)) < 3:
        return None
    return theil_sen(times, [mb for _, mb in timeline]).slope


class ProfileParser:
    """Reads Scalene 2.4 JSON, whoever wrote it."""

    def parse(self, raw: bytes) -> ParsedProfile:
        """Parse a document; never raises: what can't be read is an empty profile with a reason."""
        if len(raw) > MAX_JSON_BYTES:
            return ParsedProfile(empty=True, problem=f"it is over {MAX_JSON_BYTES} bytes")
        if not raw.strip():
            return ParsedProfile(empty=True, problem="it is empty")
        try:
            document = msgspec.json.decode(raw, type=_Document, strict=False)
        except (msgspec.DecodeError, RecursionError) as error:
            return ParsedProfile(empty=True, problem=str(error))
        return _convert(document)

    def parse_file(self, path: str | Path) -> ProfileResult:
        """A whole profile from a Scalene JSON file that somebody else made.

        Lines are as Scalene credits them (``line_sampler="scalene"``); the outcome is not in the
        file and reads as completed, with a note.

        Raises:
            OSError: the file cannot be read.
            BadScript: it is no Scalene profile.
        """
        raw = Path(path).read_bytes()
        parsed = self.parse(raw)
        if parsed.empty:
            reason = parsed.problem or "it holds no samples"
            raise BadScript(f"'{path}' is no Scalene profile: {reason}.")
        sources = SourceIndex(scalene_texts(parsed))
        return ProfileResult(
            target=_foreign_target(parsed.program),
            options=RunOptions(cpu_only=parsed.max_footprint_mb is None),
            environment=Environment(
                python="unknown",
                python_version="unknown",
                scalene_version="unknown",
                platform=platform.platform(),
                host=platform.node(),
                cpu_count=None,
                sandboxed=False,
            ),
            summary=ProfileSummary(
                outcome=Outcome.COMPLETED,
                exit_status=None,
                elapsed_time_sec=parsed.elapsed_sec,
                cpu_time_sec=None,
                max_footprint_mb=parsed.max_footprint_mb,
                growth_rate_mb_per_sec=growth_rate(parsed.memory_timeline),
                cpu_samples=parsed.cpu_samples,
                alloc_samples=parsed.alloc_samples,
                gpu_seen=parsed.gpu.seen,
                notes=("Read from a file: how the program ended is not known.",),
            ),
            line_sampler="scalene",
            files=build_files(parsed.lines, sources, parsed.texts),
            stacks=parsed.stacks,
            memory_timeline=parsed.memory_timeline,
            gpu=parsed.gpu,
            raw=raw,
        )


def scalene_texts(parsed: ParsedProfile) -> dict[str, str]:
    """Whole texts of the files whose every line Scalene wrote down (not a reduced profile)."""
    numbers: dict[str, list[int]] = {}
    for file, lineno in parsed.texts:
        numbers.setdefault(file, []).append(lineno)
    return {
        file: "\n".join(parsed.texts[file, lineno] for lineno in found)
        for file, found in numbers.items()
        if found == list(range(1, len(found) + 1))
    }


def _foreign_target(program: str) -> Target:
    path = Path(program)
    source = path.read_text(encoding="utf-8", errors="replace") if path.is_file() else None
    digest = hashlib.sha256(source.encode()).hexdigest() if source is not None else None
    return Target(kind="script", name=program, path=program, source=source, sha256=digest)


def _convert(document: _Document) -> ParsedProfile:
    credited = sum(
        line.n_cpu_percent_python + line.n_cpu_percent_c
        for file in document.files.values()
        for line in file.lines
    )
    scale = 100.0 / credited if credited > 0 else 0.0
    lines: dict[tuple[str, int], LineCost] = {}
    texts: dict[tuple[str, int], str] = {}
    cpu_samples = 0
    for name, file in document.files.items():
        for line in file.lines:
            texts[name, line.lineno] = _unescape(line.line)
            cpu_samples += len(line.cpu_samples_list)
            cost = _line_cost(line, scale)
            if cost is not None:
                lines[name, line.lineno] = cost
    return ParsedProfile(
        empty=not document.files,
        program=document.program,
        elapsed_sec=document.elapsed_time_sec,
        cpu_samples=cpu_samples,
        alloc_samples=document.alloc_samples,
        max_footprint_mb=document.max_footprint_mb if document.memory else None,
        gpu=Gpu(requested=document.gpu, seen=document.gpu, device=document.gpu_device),
        lines=lines,
        texts=texts,
        stacks=_stacks(document),
        memory_timeline=tuple((time / 1e9, mb) for time, mb in document.samples),
    )


def _line_cost(line: _Line, scale: float) -> LineCost | None:
    """The cost of a line; None for one that cost nothing, as most of a file do."""
    cost = LineCost(
        cpu_python=line.n_cpu_percent_python * scale,
        cpu_native=line.n_cpu_percent_c * scale,
        cpu_system=line.n_sys_percent,
        core_utilization=line.n_core_utilization,
        gpu_percent=line.n_gpu_percent,
        gpu_avg_memory_mb=line.n_gpu_avg_memory_mb,
        gpu_peak_memory_mb=line.n_gpu_peak_memory_mb,
        malloc_mb=line.n_malloc_mb,
        malloc_count=round(line.n_mallocs),
        peak_mb=line.n_peak_mb,
        python_fraction=line.n_python_fraction,
        copy_mb_per_sec=line.n_copy_mb_s,
    )
    return None if cost == NO_COST else cost


def _unescape(text: str) -> str:
    """Scalene writes angle brackets and ampersands as literal escapes, for its web page."""
    if "\\u00" in text:
        for escaped, plain in _ESCAPES:
            text = text.replace(escaped, plain)
    return text.rstrip("\r\n")


def _stacks(document: _Document) -> tuple[StackSample, ...]:
    """Python stacks with their share of the run's CPU seconds; used where py-spy could not be."""
    merged: Counter[tuple[Frame, ...]] = Counter()
    seconds: defaultdict[tuple[Frame, ...], float] = defaultdict(float)
    for texts, cost in document.stacks:
        frames = tuple(frame for text in texts if (frame := _frame(text)) is not None)
        if frames:
            merged[frames] += round(cost.count)
            seconds[frames] += cost.python_time + cost.c_time
    return tuple(
        StackSample(frames=frames, cpu_sec=seconds[frames] * document.elapsed_time_sec, count=count)
        for frames, count in merged.items()
    )


def _frame(text: str) -> Frame | None:
    """A frame written as ``/path/with spaces.py function:12;``."""
    place, _, lineno = text.rstrip(";").rpartition(":")
    file, _, function = place.rpartition(" ")
    if not file or not lineno.isdigit():
        return None
    return Frame(file=file, function=function, lineno=int(lineno))
