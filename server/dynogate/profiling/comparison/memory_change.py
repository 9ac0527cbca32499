"""How the memory of two profiles differs, by line."""

from collections import Counter
from collections.abc import Mapping

from dynogate.profiling.comparison.models import MemoryChange, MemoryLineChange
from dynogate.profiling.models import LineProfile, ProfileResult

SMALLEST_MB = 1.0
"""Scalene samples memory each time it grew or shrank by 1 MB: less cannot be told from chance."""

SMALLEST_SHARE = 0.10

_Place = tuple[str, str, str, int]
"""File within the program, function, text of the line, and its number among equal ones."""


def compare_memory(
    before: ProfileResult,
    after: ProfileResult,
    old_files: Mapping[str, str],
    new_files: Mapping[str, str],
) -> MemoryChange | None:
    """Footprints and the lines that changed; None unless both sides profiled memory.

    Lines are paired by function and text, so that moved lines stay the same lines.

    Args:
        before: one side.
        after: the other.
        old_files: path as profiled -> path within the program, for ``before``.
        new_files: the same for ``after``.
    """
    old_mb, new_mb = before.summary.max_footprint_mb, after.summary.max_footprint_mb
    if old_mb is None or new_mb is None:
        return None
    old, new = _lines(before, old_files), _lines(after, new_files)
    changes = [
        _change(place, old.get(place), new.get(place)) for place in sorted(old.keys() | new.keys())
    ]
    changes = [change for change in changes if _size(change) >= 1]
    changes.sort(key=_size, reverse=True)
    return MemoryChange(
        before_max_footprint_mb=old_mb, after_max_footprint_mb=new_mb, lines=tuple(changes)
    )


def _lines(profile: ProfileResult, files: Mapping[str, str]) -> dict[_Place, LineProfile]:
    seen: Counter[tuple[str, str, str]] = Counter()
    lines: dict[_Place, LineProfile] = {}
    for part in profile.files:
        for line in part.lines:
            text = files.get(part.file, part.file), line.function, line.source.strip()
            lines[*text, seen[text]] = line
            seen[text] += 1
    return lines


def _change(place: _Place, old: LineProfile | None, new: LineProfile | None) -> MemoryLineChange:
    return MemoryLineChange(
        file=place[0],
        function=place[1],
        source=place[2],
        before_lineno=old.lineno if old else None,
        after_lineno=new.lineno if new else None,
        before_malloc_mb=old.malloc_mb if old else 0.0,
        after_malloc_mb=new.malloc_mb if new else 0.0,
        before_retained_mb=old.retained_mb if old else 0.0,
        after_retained_mb=new.retained_mb if new else 0.0,
    )


def _size(change: MemoryLineChange) -> float:
    """The larger of the two changes in units of what counts as one."""
    sizes = [_units(change.before_malloc_mb, change.after_malloc_mb)]
    if change.before_retained_mb is not None and change.after_retained_mb is not None:
        sizes.append(_units(change.before_retained_mb, change.after_retained_mb))
    return max(sizes)


def _units(old: float, new: float) -> float:
    return abs(new - old) / max(SMALLEST_MB, SMALLEST_SHARE * max(old, new))
