"""What a terminal shows while experiments run."""

import time
from types import TracebackType
from typing import Self

from rich.console import Console
from rich.status import Status
from rich.text import Text

from chaos.runner import Outcome
from chaos.spec import Experiment


class Display:
    """A line that says what happens now, on a terminal; and a line for each experiment that ended.

    Args:
        console: where to.
        count: how many experiments there will be.
    """

    def __init__(self, console: Console, count: int) -> None:
        self._console = console
        self._count = count
        self._number = 0
        self._name = ""
        self._what = ""
        self._began = time.monotonic()
        self._status: Status | None = None

    def __enter__(self) -> Self:
        if self._console.is_terminal:
            self._status = Status(self, console=self._console)
            self._status.start()
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        at: TracebackType | None,
    ) -> None:
        if self._status is not None:
            self._status.stop()

    def begin(self, experiment: Experiment) -> None:
        """An experiment begins."""
        self._number += 1
        self._name = experiment.name
        self._began = time.monotonic()

    def tell(self, what: str) -> None:
        """It does this now."""
        self._what = what

    def __rich__(self) -> Text:
        took = time.monotonic() - self._began
        return Text(f"{self._number}/{self._count}  {self._name}  {took:.0f} s  {self._what}")

    def end(self, outcome: Outcome) -> None:
        """It has ended."""
        green = outcome.verdict.green
        line = Text("✓ green " if green else "✗ RED   ", "bold green" if green else "bold red")
        line.append(f" {self._name}", "bold default")
        line.append(f"  {outcome.seconds:.1f} s", "not bold default")
        self._console.print(line)
        for reason in outcome.verdict.reasons:
            self._console.print(Text(f"    {reason}"))
