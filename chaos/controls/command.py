"""``python -m chaos controls``: every broken gateway has to be caught by its experiment."""

import json
from collections.abc import Sequence
from dataclasses import asdict, dataclass
from pathlib import Path

from rich.console import Console
from rich.text import Text

from chaos.controls.catalogue import CONTROLS, Control, choose, plant
from chaos.controls.judge import misses
from chaos.progress import Display
from chaos.runner import Outcome, run
from chaos.spec import Experiment, all_experiments
from dynogate.errors import ConfigurationError


@dataclass(frozen=True, slots=True)
class Result:
    """What became of one control.

    Attributes:
        caught: whether its experiment is red with the defect, for the right reason, and green
            without.
        why_not: where it is not.
        told: the bar that the defect broke, with its figure.
        seconds: that the run with the defect took.
    """

    control: str
    experiment: str
    caught: bool
    why_not: tuple[str, ...]
    told: str
    seconds: float


def controls(names: Sequence[str], *, broken_only: bool, json_file: Path | None) -> int:
    """Run them, tell of each, and write the results down.

    Returns:
        The exit status: 0 every one was caught, 1 one was not.

    Raises:
        ConfigurationError: there is no such control, or its experiment or bar is not there.
    """
    chosen = choose(names)
    there = {each.name: each for each in all_experiments()}
    pairs = [(control, _experiment(control, there)) for control in chosen]
    console = Console(stderr=True)
    results = []
    green: dict[str, Outcome] = {}
    for control, experiment in pairs:
        ...
    return 0
