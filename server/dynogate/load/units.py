"""Figures with their units, as the harness prints them everywhere."""

import math

KB = 1024
"""Bytes in a KB, as Scalene and psutil's users count."""


def seconds(value: float | None) -> str:
    """A duration: ``870 us``, ``12.3 ms``, ``1.23 s``, ``?`` where unknown."""
    if value is None or not math.isfinite(value):
        return "?"
    size = abs(value)
    if size >= 0.9995:
        return f"{_figures(value)} s"
    if size >= 0.0009995 or value == 0:
        return f"{_figures(value * 1e3)} ms"
    return f"{_figures(value * 1e6)} us"


def size(value: float | None) -> str:
    """An amount of memory in bytes, as ``870 B``, ``9.80 KB``, ``128 MB``."""
    if value is None or not math.isfinite(value):
        return "?"
    for unit, factor in (("GB", KB**3), ("MB", KB**2), ("KB", KB)):
        if abs(value) >= 0.9995 * factor:
            return f"{_figures(value / factor)} {unit}"
    return f"{_figures(value)} B"


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
