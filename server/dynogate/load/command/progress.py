"""What a terminal shows while a load runs."""

import time
from types import TracebackType
from typing import Self

from rich.console import Console
from rich.live import Live
from rich.text import Text

from dynogate.load import units
from dynogate.load.generator import Progress


class Display:
    """One line that is kept up to date; silent where nobody watches.

    Args:
        console: where to; only a terminal gets the line.
        quiet: nothing at all.
    """

    def __init__(self, console: Console, *, quiet: bool) -> None:
        self._console = console
        self._quiet = quiet
        self._live: Live | None = None
        self._what = ""
        self._seconds: float | None = None
        self._before: Progress | None = None
        self._began = time.monotonic()

    def __enter__(self) -> Self:
        if not self._quiet and self._console.is_terminal:
            self._live = Live(console=self._console, transient=True, auto_refresh=False)
            self._live.start()
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        at: TracebackType | None,
    ) -> None:
        if self._live is not None:
            self._live.stop()

    def phase(self, what: str, seconds: float | None) -> None:
        """A new part begins, which takes so long, if that is known."""
        self._what, self._seconds = what, seconds
        self._before = None
        self._began = time.monotonic()

    def say(self, line: str) -> None:
        """A line that stays."""
        if not self._quiet:
            self._console.print(line, highlight=False, markup=False)

    def show(self, progress: Progress) -> None:
        """How the run stands."""
        if self._live is None:
            return
        before, self._before = self._before, progress
        if before is None or before.at >= progress.at:
            before = Progress(0.0, 0, 0, 0, 0, None, None)
        rate = (progress.ended - before.ended) / max(progress.at - before.at, 1e-3)
        parts = [
            self._what,
            f"{units.number(rate)}/s",
            f"{progress.in_flight} in flight",
            f"p50 {units.seconds(progress.p50)}",
            f"p99 {units.seconds(progress.p99)}",
            f"{progress.bad} errors",
        ]
        if self._seconds is not None:
            left = max(self._seconds - (time.monotonic() - self._began), 0.0)
            parts.append(f"{left:.0f} s left")
        self._live.update(Text("  ".join(parts)), refresh=True)
