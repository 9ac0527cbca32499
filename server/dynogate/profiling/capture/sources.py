"""Source texts and what can be read off them: the text of a line, and the function it is in."""

import ast
from bisect import bisect_right
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path

MAX_SOURCE_BYTES = 5_000_000
"""Larger files are generated; they are profiled, but not parsed for names."""

MODULE = "<module>"


@dataclass(frozen=True, slots=True)
class FunctionRange:
    """A function or method: its qualified name and the lines from ``def`` to its end."""

    name: str
    first_lineno: int
    last_lineno: int


@dataclass(slots=True)
class _Source:
    lines: list[str]
    ranges: tuple[FunctionRange, ...]
    starts: list[int] = field(default_factory=list)
    owners: list[str] = field(default_factory=list)


class SourceIndex:
    """Texts of the profiled files, each read and parsed once, when first asked about."""

    def __init__(self, texts: Mapping[str, str] | None = None) -> None:
        """Known texts by file name; others are read from disk."""
        self._texts = dict(texts or {})
        self._sources: dict[str, _Source] = {}

    def line(self, file: str, lineno: int) -> str:
        """The text of a line without its end; empty where unknown."""
        lines = self._source(file).lines
        return lines[lineno - 1] if 0 < lineno <= len(lines) else ""

    def function(self, file: str, lineno: int) -> str:
        """Qualified name of the innermost function whose text holds the line, or '<module>'."""
        source = self._source(file)
        position = bisect_right(source.starts, lineno) - 1
        return source.owners[position] if position >= 0 else MODULE

    def functions(self, file: str) -> tuple[FunctionRange, ...]:
        """Every function of the file in order of its first line; none where it can't be parsed."""
        return self._source(file).ranges

    def _source(self, file: str) -> _Source:
        source = self._sources.get(file)
        if source is None:
            source = _parse(self._texts.get(file) or _read(file))
            self._sources[file] = source
        return source


def _read(file: str) -> str:
    path = Path(file)
    try:
        if not path.is_file() or path.stat().st_size > MAX_SOURCE_BYTES:
            return ""
        return path.read_text(encoding="utf-8", errors="replace")
    except OSError:
        return ""


def _parse(text: str) -> _Source:
    try:
        tree = ast.parse(text)
    except (SyntaxError, ValueError, RecursionError, MemoryError):
        return _Source(lines=text.splitlines(), ranges=())
    ranges: list[FunctionRange] = []
    _collect(tree, "", ranges)
    ranges.sort(key=lambda item: (item.first_lineno, -item.last_lineno))
    source = _Source(lines=text.splitlines(), ranges=tuple(ranges))
    _lay_out(source)
    return source


def _collect(node: ast.AST, prefix: str, ranges: list[FunctionRange]) -> None:
    """Functions below ``node``, named as ``__qualname__`` names them (PEP 3155)."""
    stack: list[tuple[ast.AST, str]] = [(node, prefix)]
    while stack:
        parent, path = stack.pop()
        for child in ast.iter_child_nodes(parent):
            inner = path
            if isinstance(child, ast.ClassDef):
                inner = f"{path}{child.name}."
            elif isinstance(child, ast.FunctionDef | ast.AsyncFunctionDef):
                name = f"{path}{child.name}"
                last = child.end_lineno or child.lineno
                ranges.append(FunctionRange(name, child.lineno, last))
                inner = f"{name}.<locals>."
            stack.append((child, inner))


def _lay_out(source: _Source) -> None:
    """Cut the lines into stretches with one innermost function each, for bisection."""
    open_ranges: list[FunctionRange] = []
    events: list[tuple[int, str]] = []

    def close_until(lineno: int) -> None:
        while open_ranges and open_ranges[-1].last_lineno < lineno:
            ended = open_ranges.pop()
            events.append((ended.last_lineno + 1, open_ranges[-1].name if open_ranges else MODULE))

    for item in source.ranges:
        close_until(item.first_lineno)
        events.append((item.first_lineno, item.name))
        open_ranges.append(item)
    close_until(len(source.lines) + 2)
    for start, owner in events:
        if source.starts and source.starts[-1] == start:
            source.owners[-1] = owner
        else:
            source.starts.append(start)
            source.owners.append(owner)
