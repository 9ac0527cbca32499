"""``python -m chaos controls``: every broken gateway has to be caught by its experiment."""

import json
from collections.abc import Sequence
from dataclasses import asdict, dataclass
from pathlib import Path

from rich.console import Console
from rich.text import Text

from chaos.controls.catalogue import Control, choose, plant
from chaos.controls.judge import misses
from chaos.runner import Outcome, run
from chaos.spec import Experiment, all_experiments
from dynogate.errors import ConfigurationError


@dataclass(frozen=True, slots=True)
class Result:
    """What became of one control.

    Attributes:
        caught: whether its experiment is red with the defect, for the right reason, and green
            without.
        misses: why it was not.
        told: what the broken bar says, with its figure.
        seconds: that all of it took.
    """

    control: str
    experiment: str
    caught: bool
    misses: tuple[str, ...]
    told: str
    seconds: float


def controls(names: Sequence[str], *, broken_only: bool, json_file: Path | None) -> int:
    """Run controls and tell of each.

    Args:
        names: which; all where none is named.
        broken_only: leave out the runs of the healthy gateway.
        json_file: where the results go, too.

    Returns:
        The exit status: 0 every one was caught, 1 one was not.

    Raises:
        ConfigurationError: there is no such control, or its experiment or bar is not there.
    """
    there = {each.name: each for each in all_experiments()}
    pairs = [(control, _experiment(control, there)) for control in choose(names)]
    plants = [plant(*pair) for pair in pairs]  # all that is misspelt is found before any is run
    results = []
    console = Console(stderr=True)
    for (control, experiment), planted in zip(pairs, plants, strict=True):
        healthy = None if broken_only else run(experiment)
        if healthy is not None and healthy.evidence.by_hand:
            break
        broken = run(planted)
        results.append(_result(control, broken, healthy))
        _show(console, results[-1])
        if broken.evidence.by_hand:
            break
    if json_file is not None:
        json_file.write_text(json.dumps([asdict(each) for each in results], indent=1) + "\n")
    return 0 if len(results) == len(pairs) and all(each.caught for each in results) else 1


def _experiment(control: Control, there: dict[str, Experiment]) -> Experiment:
    found = there.get(control.experiment)
    if found is None:
        raise ConfigurationError(f"control {control.name!r}: no experiment {control.experiment!r}")
    return found


def _result(control: Control, broken: Outcome, healthy: Outcome | None) -> Result:
    missed = misses(control, broken, healthy)
    bars = [bar for bar in broken.verdict.bars if bar.says == control.breaks]
    return Result(
        control=control.name,
        experiment=control.experiment,
        caught=not missed,
        misses=missed,
        told="; ".join(f"{bar.says}: {bar.text}" for bar in bars),
        seconds=round(broken.seconds + (healthy.seconds if healthy else 0), 3),
    )


def _show(console: Console, result: Result) -> None:
    mark, style = ("✓ caught", "bold green") if result.caught else ("✗ MISSED", "bold red")
    line = Text(mark, style)
    line.append(f"  {result.control}", "bold default")
    line.append(f" by {result.experiment}, {result.seconds:.1f} s", "not bold default")
    console.print(line)
    for text in result.misses or (f"not kept: {result.told}",):
        console.print(Text(f"    {text}"))
