"""Plain text for people and language models: aligned tables and figures with their units."""

from collections.abc import Iterable, Sequence
from itertools import islice
from typing import Literal

MAX_ROWS = 20
"""Most rows of one table in a text; the structured result has them all."""

Column = tuple[str, Literal["<", ">"]]
"""Heading of a table's column and the side its cells are aligned to."""

_SOURCE_WIDTH = 64


def clip(text: str, width: int = _SOURCE_WIDTH) -> str:
    """``text`` on one line, without its indent, cut to ``width`` characters."""
    flat = " ".join(text.split())
    return flat if len(flat) <= width else flat[: width - 1] + "…"


def percent(value: float | None) -> str:
    """A share, as ``12.3 %``; ``?`` where unknown."""
    return "?" if value is None else f"{value:.1f} %"


def mb(value: float | None) -> str:
    """Memory, as ``12.3 MB``; ``?`` where unknown."""
    return "?" if value is None else f"{value:.1f} MB"


def seconds(value: float | None) -> str:
    """A duration, as ``1.23 s``; ``?`` where unknown."""
    return "?" if value is None else f"{value:.2f} s"


def plural(count: int, noun: str) -> str:
    """``1 line``, ``3 lines``."""
    return f"{count} {noun}" if count == 1 else f"{count} {noun}s"


def table(
    columns: Sequence[Column],
    rows: Iterable[Sequence[str]],
    *,
    limit: int = MAX_ROWS,
    total: int | None = None,
) -> list[str]:
    """An aligned table as lines, its header first, and last how many rows it leaves out.

    Args:
        columns: heading and side of alignment of each column.
        rows: as many cells as columns.
        limit: most rows to print.
        total: how many rows there are in all, where ``rows`` may be cut.
    """
    shown = list(islice(rows, limit))
    headings = [name for name, _ in columns]
    widths = [max(len(cell) for cell in column) for column in zip(headings, *shown, strict=True)]
    lines = [
        "  ".join(
            f"{cell:{side}{width}}"
            for cell, (_, side), width in zip(row, columns, widths, strict=True)
        ).rstrip()
        for row in [headings, *shown]
    ]
    if total is not None and total > len(shown):
        lines.append(f"… and {total - len(shown)} more")
    return lines
