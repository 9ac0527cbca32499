"""Figures with their units, as the harness prints them everywhere."""

import math
from collections.abc import Callable, Sequence

KB = 1024
"""Bytes in a KB, as Scalene and psutil's users count."""


_TIMES = (("s", 1.0), ("ms", 1e-3), ("us", 1e-6))
_SIZES = (("GB", float(KB**3)), ("MB", float(KB**2)), ("KB", float(KB)), ("B", 1.0))


def time_unit(value: float) -> tuple[str, float]:
    """The unit to tell this duration in, and its length in seconds."""
    return ("ms", 1e-3) if value == 0 else _unit(value, _TIMES)


def size_unit(value: float) -> tuple[str, float]:
    """The unit to tell this amount of memory in, and its bytes."""
    return _unit(value, _SIZES)


def _unit(value: float, units: Sequence[tuple[str, float]]) -> tuple[str, float]:
    """The largest unit that ``value``, rounded to three digits, has at least one of."""
    return next((each for each in units if abs(value) >= 0.9995 * each[1]), units[-1])


def seconds(value: float | None) -> str:
    """A duration: ``870 us``, ``12.3 ms``, ``1.23 s``, ``?`` where unknown."""
    return _told(value, time_unit)


def size(value: float | None) -> str:
    """An amount of memory in bytes, as ``870 B``, ``9.80 KB``, ``128 MB``."""
    return _told(value, size_unit)


def _told(value: float | None, unit_of: Callable[[float], tuple[str, float]]) -> str:
    if value is None or not math.isfinite(value):
        return "?"
    unit, one = unit_of(value)
    return f"{_figures(value / one)} {unit}"


def number(value: float | None) -> str:
    """A bare figure, to three digits: ``43.6``, ``1,250``."""
    return "?" if value is None or not math.isfinite(value) else _figures(value)


def percent(share: float | None) -> str:
    """A share of 1 as ``99.5 %``."""
    if share is None or not math.isfinite(share):
        return "?"
    digits = 3 if 0 < abs(share) < 0.001 or 0.999 < share < 1 else 1
    return f"{100 * share:.{digits}f} %".replace(".0 %", " %")


def _figures(value: float) -> str:
    """Three digits that count, thousands set apart; what no instrument can tell from 0 is 0."""
    if abs(value) < 1e-12:
        return "0"
    magnitude = math.floor(math.log10(abs(float(f"{value:.3g}"))))
    if magnitude < -6:
        return f"{value:.2g}"
    return f"{value:,.{min(max(0, 2 - magnitude), 8)}f}"
