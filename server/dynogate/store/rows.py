"""What the table of profiles takes and gives: plain rows, units as in `dynogate.store.schema`."""

from dataclasses import dataclass
from typing import Literal

LineOrder = Literal["cpu", "malloc", "retained", "gpu"]


@dataclass(frozen=True, slots=True)
class ProfileRow:
    """What is stored of a profile in columns."""

    id: str
    created_us: int
    kind: str
    script: str
    script_name: str
    outcome: str
    exit_status: int | None
    error: str | None
    elapsed_sec: float
    cpu_sec: float | None
    footprint_mb: float | None
    growth_mb_per_sec: float | None
    cpu_samples: int
    alloc_samples: int
    repeats: int
    gpu_seen: bool
    python_version: str


@dataclass(frozen=True, slots=True)
class StoredRow(ProfileRow):
    """A row as it came back: with its sizes, place in the order of inserts, and tags (sorted)."""

    raw_bytes: int
    stored_bytes: int
    key: int
    tags: tuple[str, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class LineRow:
    """One line that cost something."""

    file: str
    lineno: int
    function: str
    source: str
    cpu_percent: float
    malloc_mb: float
    retained_mb: float | None
    gpu_percent: float


@dataclass(frozen=True, slots=True, kw_only=True)
class Retention:
    """How much is kept: the newest of each insert, up to both limits (None: no limit)."""

    max_count: int | None = None
    max_bytes: int | None = None

    def exceeded_by(self, count: int, size_bytes: int) -> bool:
        """Whether ``count`` things of ``size_bytes`` in all are too much."""
        too_many = self.max_count is not None and count > self.max_count
        return too_many or (self.max_bytes is not None and size_bytes > self.max_bytes)


@dataclass(frozen=True, slots=True, kw_only=True)
class ProfileFilter:
    """Which profiles to list; every field given must hold (None: any).

    Attributes:
        scripts: exact values of the column ``script``.
        since_us: created then or later.
        until_us: created before.
    """

    scripts: tuple[str, ...] | None = None
    script_name: str | None = None
    tag: str | None = None
    since_us: int | None = None
    until_us: int | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Totals:
    """What is stored in all; ``size_bytes`` as retention counts it."""

    profiles: int
    size_bytes: int
