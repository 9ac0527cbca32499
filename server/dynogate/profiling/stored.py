"""A stored profile as it is known without being opened, to and from rows of the store."""

from datetime import datetime
from pathlib import PurePath

from pydantic import Field

from dynogate.profiling.models import LineProfile, Model, Outcome, ProfileResult
from dynogate.store.clock import from_us, to_us
from dynogate.store.rows import LineRow, ProfileRow, StoredRow

_ERROR_LENGTH = 300


class StoredProfile(Model):
    """What is known of a stored profile without opening it."""

    profile_id: str
    created_at: datetime
    kind: str = Field(description="script, code or module.")
    script: str = Field(description="Real path of the script, name of the module, or '<code>'.")
    tags: tuple[str, ...] = Field(description="In alphabetical order.")
    outcome: Outcome
    exit_status: int | None
    error: str | None = Field(description="Type and message of the exception that ended it.")
    elapsed_time_sec: float
    cpu_time_sec: float | None
    max_footprint_mb: float | None
    growth_rate_mb_per_sec: float | None
    cpu_samples: int
    alloc_samples: int
    repeats: int
    gpu_seen: bool
    python_version: str
    raw_bytes: int = Field(description="Size of Scalene's own JSON, uncompressed.")
    stored_bytes: int = Field(description="What it takes in the store, compressed.")


class StoredLine(Model):
    """A source line that cost something, as the store answers it without opening the profile."""

    file: str
    lineno: int
    function: str
    source: str
    cpu_percent: float
    malloc_mb: float
    retained_mb: float | None
    gpu_percent: float


class ProfilePage(Model):
    """Some of the stored profiles, newest first."""

    profiles: tuple[StoredProfile, ...]
    next_cursor: str | None = Field(description="Asks for the next page; null on the last one.")
    total: int | None = Field(
        description="How many there are in all; null where a filter makes counting costly."
    )


class TrendPoint(Model):
    """One run in the history of a script."""

    profile_id: str
    created_at: datetime
    outcome: Outcome
    elapsed_time_sec: float
    cpu_time_sec: float | None
    max_footprint_mb: float | None


def row_of(profile: ProfileResult, profile_id: str) -> ProfileRow:
    """The columns of ``profile``."""
    target, summary = profile.target, profile.summary
    script = target.path if target.kind == "script" and target.path else target.name
    return ProfileRow(
        id=profile_id,
        created_us=to_us(profile.created_at),
        kind=target.kind,
        script=script,
        script_name=PurePath(script).name,
        outcome=summary.outcome,
        exit_status=summary.exit_status,
        error=_short_error(profile),
        elapsed_sec=summary.elapsed_time_sec,
        cpu_sec=summary.cpu_time_sec,
        footprint_mb=summary.max_footprint_mb,
        growth_mb_per_sec=summary.growth_rate_mb_per_sec,
        cpu_samples=summary.cpu_samples,
        alloc_samples=summary.alloc_samples,
        repeats=summary.repeats,
        gpu_seen=summary.gpu_seen,
        python_version=profile.environment.python_version,
    )


def costly_lines(profile: ProfileResult) -> list[LineRow]:
    """The lines worth a row: those that cost anything at all."""
    return [
        LineRow(
            file=file.file,
            lineno=line.lineno,
            function=line.function,
            source=line.source,
            cpu_percent=line.cpu_percent,
            malloc_mb=line.malloc_mb,
            retained_mb=line.retained_mb,
            gpu_percent=line.gpu_percent,
        )
        for file in profile.files
        for line in file.lines
        if _cost_something(line)
    ]


def _cost_something(line: LineProfile) -> bool:
    return any((line.cpu_percent, line.malloc_mb, line.retained_mb, line.gpu_percent))


def stored_profile(row: StoredRow) -> StoredProfile:
    """The row, in the words of the domain."""
    return StoredProfile(
        profile_id=row.id,
        created_at=from_us(row.created_us),
        kind=row.kind,
        script=row.script,
        tags=row.tags,
        outcome=Outcome(row.outcome),
        exit_status=row.exit_status,
        error=row.error,
        elapsed_time_sec=row.elapsed_sec,
        cpu_time_sec=row.cpu_sec,
        max_footprint_mb=row.footprint_mb,
        growth_rate_mb_per_sec=row.growth_mb_per_sec,
        cpu_samples=row.cpu_samples,
        alloc_samples=row.alloc_samples,
        repeats=row.repeats,
        gpu_seen=row.gpu_seen,
        python_version=row.python_version,
        raw_bytes=row.raw_bytes,
        stored_bytes=row.stored_bytes,
    )


def _short_error(profile: ProfileResult) -> str | None:
    error = profile.summary.error
    return None if error is None else f"{error.type}: {error.message}"[:_ERROR_LENGTH]
