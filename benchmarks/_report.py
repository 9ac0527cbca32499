"""How every benchmark tells its result: a table, the bars it has to pass, an exit status."""

import json
import os
import platform
import sys
from collections.abc import Sequence
from dataclasses import asdict, dataclass, field

from rich.console import Console
from rich.table import Table


@dataclass(frozen=True, slots=True)
class Bar:
    """A limit that a measurement has to keep.

    Attributes:
        what: what was measured, with its unit.
        measured: the figure; None where it could not be had, which does not pass.
        limit: the limit, in words.
        passed: whether it was kept.
    """

    what: str
    measured: float | None
    limit: str
    passed: bool

    @classmethod
    def at_most(cls, what: str, measured: float | None, limit: float) -> "Bar":
        """Passed where ``measured`` is known and no more than ``limit``."""
        passed = measured is not None and measured <= limit
        return cls(what, measured, f"at most {limit:g}", passed)

    @classmethod
    def at_least(cls, what: str, measured: float | None, limit: float) -> "Bar":
        """Passed where ``measured`` is known and no less than ``limit``."""
        passed = measured is not None and measured >= limit
        return cls(what, measured, f"at least {limit:g}", passed)


@dataclass(frozen=True, slots=True)
class Report:
    """One benchmark's outcome: its rows, then its bars."""

    title: str
    columns: Sequence[str]
    rows: Sequence[Sequence[str]]
    bars: Sequence[Bar]
    machine: str = field(default_factory=lambda: machine())

    @property
    def passed(self) -> bool:
        """Whether every bar was kept."""
        return all(bar.passed for bar in self.bars)

    def finish(self, *, as_json: bool) -> int:
        """Print it (JSON for programs, tables for people); the process's exit status."""
        if as_json:
            told = {**asdict(self), "passed": self.passed}
            sys.stdout.write(json.dumps(told, indent=2) + "\n")
        else:
            self._print()
        return 0 if self.passed else 1

    def _print(self) -> None:
        console = Console(width=None if sys.stdout.isatty() else 160)
        console.print(f"{self.title} ({self.machine})", style="bold", highlight=False)
        console.print(_table(self.columns, self.rows))
        verdicts = [
            (bar.what, _figure(bar.measured), bar.limit, "pass" if bar.passed else "FAIL")
            for bar in self.bars
        ]
        console.print(_table(("bar", "measured", "limit", ""), verdicts))


def _table(columns: Sequence[str], rows: Sequence[Sequence[str]]) -> Table:
    table = Table(*columns, box=None, pad_edge=False)
    for row in rows:
        table.add_row(*row)
    return table


def markdown_table(columns: Sequence[str], rows: Sequence[Sequence[str]]) -> list[str]:
    """The lines of a table in Markdown."""
    return [f"| {' | '.join(cells)} |" for cells in (columns, ["---"] * len(columns), *rows)]


def _figure(value: float | None) -> str:
    return "unknown" if value is None else f"{value:.4g}"


def machine() -> str:
    """This machine in words: usable cores and Python."""
    version = ".".join(platform.python_version_tuple()[:2])
    return f"{len(os.sched_getaffinity(0))} cores, Python {version}"


def quantile(values: Sequence[float], q: float) -> float:
    """The ``q`` quantile by the nearest-rank rule: a value that was really measured.

    Raises:
        ValueError: there are no values.
    """
    if not values:
        raise ValueError("no values, no quantile")
    ordered = sorted(values)
    return ordered[min(len(ordered) - 1, int(q * len(ordered)))]
