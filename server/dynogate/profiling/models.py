"""A profile as data: what ran, how it ended, and what each line, function and stack cost.

Units are in the names: ``_sec``, ``_mb`` (MiB, as Scalene counts), ``_percent`` (0 to 100).
Unknown is ``None``, never 0.
"""

from datetime import UTC, datetime
from enum import StrEnum
from typing import Literal

from pydantic import BaseModel, ConfigDict, Field


class Model(BaseModel):
    """The base of every profile model: immutable, and strict about its fields.

    Not-a-number and infinity are refused: JSON cannot carry them, and unknown is ``None``.
    """

    model_config = ConfigDict(frozen=True, extra="forbid", allow_inf_nan=False)


class Outcome(StrEnum):
    """How a profiled program ended."""

    COMPLETED = "completed"
    FAILED = "failed"  # raised, or left with a non-zero status; the profile is whole
    TIMED_OUT = "timed_out"  # killed at the time limit; the profile is partial
    CANCELLED = "cancelled"  # killed on request; the profile is partial
    LIMIT_EXCEEDED = "limit_exceeded"  # killed over a limit of memory or processes; partial
    CRASHED = "crashed"  # ended by a signal of its own (segfault, abort, os.kill)
    TOO_SHORT = "too_short"  # ended before the samplers saw anything


class ScriptError(Model):
    """The exception a script ended with, as the script's author would see it."""

    type: str
    message: str
    traceback: str
    file: str | None = None
    lineno: int | None = None


class ProfileSummary(Model):
    """The figures of one run that fit on a card."""

    outcome: Outcome
    exit_status: int | None = Field(
        description="Exit code; the negative signal number where a signal ended it."
    )
    elapsed_time_sec: float = Field(description="Wall-clock time under the profiler.")
    cpu_time_sec: float | None = Field(
        description="User and system CPU seconds of the run, under the profiler."
    )
    max_footprint_mb: float | None = Field(
        description="Highest memory footprint seen; null where memory was not profiled."
    )
    growth_rate_mb_per_sec: float | None = Field(
        description="Theil-Sen slope of the footprint over the run; null below 3 samples."
    )
    cpu_samples: int = Field(description="CPU samples taken in the program.")
    alloc_samples: int = Field(description="Allocation samples taken in the program.")
    repeats: int = Field(default=1, description="How often the program was run in this profile.")
    gpu_seen: bool = False
    error: ScriptError | None = None
    notes: tuple[str, ...] = Field(
        default=(), description="What a reader should know: partial data, fallbacks, advice."
    )


class RunOptions(Model):
    """How a program is to be profiled (names and defaults of the original tools)."""

    cpu_only: bool = False
    include_memory: bool = True
    include_gpu: bool = False
    reduced_profile: bool = False
    profile_only: str = ""
    profile_exclude: str = ""
    profile_all: bool = False
    use_virtual_time: bool = False
    cpu_percent_threshold: float = 1.0
    malloc_threshold: int = 100
    stacks: bool = True
    python: str | None = None
    timeout_seconds: float = 120.0
    repeat: int | None = None
    stdin: str | None = None
    env: dict[str, str] = Field(default_factory=dict)
    args: tuple[str, ...] = ()

    @property
    def memory(self) -> bool:
        """Whether memory is profiled (either of the original's two switches turns it off)."""
        return self.include_memory and not self.cpu_only


class Target(Model):
    """What was run."""

    kind: Literal["script", "code", "module"]
    name: str = Field(description="Path of the script, name of the module, or '<code>'.")
    path: str | None = Field(description="Real path of the main file; null for code.")
    source: str | None = Field(description="Text of the main file when it was run.")
    sha256: str | None = Field(description="Digest of that text.")


class Environment(Model):
    """Where it was run; two profiles are comparable where these agree."""

    python: str
    python_version: str
    scalene_version: str
    platform: str
    host: str
    cpu_count: int | None
    sandboxed: bool


class LineProfile(Model):
    """One source line and what it cost."""

    lineno: int
    function: str = Field(description="Enclosing function's qualified name, or '<module>'.")
    source: str
    cpu_percent: float = Field(
        description="Share of the program's CPU time spent on the line itself and in code it "
        "called outside the profiled files."
    )
    cpu_percent_python: float
    cpu_percent_native: float
    cpu_percent_system: float = Field(description="Share of wall-clock time spent waiting.")
    core_utilization: float = 0.0
    gpu_percent: float = 0.0
    gpu_avg_memory_mb: float = 0.0
    gpu_peak_memory_mb: float = 0.0
    malloc_mb: float = Field(default=0.0, description="Memory allocated on the line, in all.")
    malloc_count: int = 0
    retained_mb: float | None = Field(
        default=None, description="Of that, still held when the program ended; null if unknown."
    )
    peak_mb: float = Field(default=0.0, description="Most the line held at once.")
    python_fraction: float = Field(default=0.0, description="Share allocated by Python, 0 to 1.")
    copy_mb_per_sec: float = 0.0
    memory_samples: tuple[tuple[float, float], ...] = Field(
        default=(), description="(seconds since start, retained MB by this line) over the run."
    )


class FunctionProfile(Model):
    """One function of a profiled file, as Scalene sums it (self cost only)."""

    name: str
    first_lineno: int
    last_lineno: int
    cpu_percent: float
    cpu_percent_python: float
    cpu_percent_native: float
    cpu_percent_system: float
    gpu_percent: float = 0.0
    malloc_mb: float = 0.0
    peak_mb: float = 0.0


class FileProfile(Model):
    """One profiled source file."""

    file: str
    cpu_percent: float
    lines: tuple[LineProfile, ...]
    functions: tuple[FunctionProfile, ...] = ()


class Frame(Model):
    """One level of a call stack."""

    file: str
    function: str
    lineno: int


class StackSample(Model):
    """A call stack, root first, and the CPU seconds seen in it."""

    frames: tuple[Frame, ...]
    cpu_sec: float
    count: int


class MemoryFlow(Model):
    """What one line added to memory, interval by interval of ``MemoryRecord.intervals``."""

    file: str
    lineno: int
    kept_mb: tuple[float, ...] = Field(
        description="The line's part of what each interval added and the program still held "
        "when it ended."
    )
    rising_mb: tuple[float, ...] = Field(
        description="What was seen to accumulate on the line while each interval was watched."
    )
    blocks: int = Field(
        default=0,
        description="How many blocks that was; 0 where one block grew, or where only sampled.",
    )
    taken_mb: float = Field(
        default=0.0, description="Net allocation by the line in the run, as Scalene sampled it."
    )
    freed_mb: float = Field(
        default=0.0, description="Net release on the line in the run, as Scalene sampled it."
    )


class MemoryRecord(Model):
    """How memory grew and by which lines: what Scalene's own JSON can't tell."""

    exact: bool = Field(
        description="True: blocks were traced from allocation to release, in one window of each "
        "interval. False: from Scalene's samples, which can name a neighbouring line."
    )
    intervals: tuple[tuple[float, float], ...] = Field(
        description="(start, end) in seconds; each interval is known by one look into it."
    )
    watched_sec: tuple[float, ...] = Field(description="How long each look took.")
    flows: tuple[MemoryFlow, ...]
    progress_sec: tuple[float, ...] = Field(
        default=(),
        description="For each point of memory_timeline, the seconds until then in which the "
        "program was not waiting for a CPU; empty where that is not known.",
    )


class Gpu(Model):
    """Whether a GPU was asked for and seen."""

    requested: bool = False
    seen: bool = False
    device: str = ""


class ProfileResult(Model):
    """A whole profile. ``ProfileStorage.store`` gives it its id."""

    profile_id: str | None = None
    created_at: datetime = Field(default_factory=lambda: datetime.now(UTC))
    tags: tuple[str, ...] = ()
    target: Target
    options: RunOptions
    environment: Environment
    summary: ProfileSummary
    line_sampler: Literal["py-spy", "scalene"] = Field(
        description="Which sampler decided the lines' CPU shares: py-spy reads the interpreter's "
        "instruction pointer; Scalene's signals arrive only at calls and loop ends."
    )
    files: tuple[FileProfile, ...] = ()
    stacks: tuple[StackSample, ...] = ()
    memory_timeline: tuple[tuple[float, float], ...] = Field(
        default=(), description="(seconds since start, footprint in MB)."
    )
    memory_record: MemoryRecord | None = Field(
        default=None, description="Null where only Scalene's own JSON is known."
    )
    gpu: Gpu = Gpu()
    stdout: str = Field(default="", description="What the program printed; the middle is cut.")
    stderr: str = ""
    raw: bytes = Field(
        default=b"", exclude=True, repr=False, description="Scalene's own JSON, untouched."
    )
