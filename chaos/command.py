"""Run chaos experiments against a gateway of their own, and judge them.

    python -m chaos list
    python -m chaos run --quick
    python -m chaos run client-latency --html chaos.html
    python -m chaos controls

Exit codes: 0 every experiment is green (every broken gateway was caught), 1 one is red (was not),
2 usage, 3 one could not be run to its end.
"""

import argparse
import contextlib
import json
import subprocess
import sys
from collections.abc import Sequence
from pathlib import Path

from rich.console import Console
from rich.table import Table

from chaos.controls.command import controls
from chaos.progress import Display
from chaos.report.document import report_of, write_report
from chaos.report.html import report_html
from chaos.report.text import report_markdown, summary
from chaos.rig.gateway import ROOT
from chaos.rig.toxiproxy import program
from chaos.runner import Outcome, run
from chaos.spec import Experiment, all_experiments
from dynogate.errors import ConfigurationError, DynogateError, RigFailed

USAGE, NOT_RUN = 2, 3


def main(arguments: Sequence[str] | None = None) -> int:
    """Run the command line.

    Returns:
        The exit status.
    """
    given = _parser().parse_args(arguments)
    try:
        return _COMMANDS[given.command](given)
    except ConfigurationError as error:
        return _die(error.message, USAGE)
    except DynogateError as error:
        return _die(error.message, NOT_RUN)


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(
        prog="python -m chaos",
        description=__doc__,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    commands = parser.add_subparsers(dest="command", required=True)
    lists = commands.add_parser("list", help="say which experiments there are")
    lists.add_argument("--json", action="store_true", help="as JSON")
    runs = commands.add_parser("run", help="run them one after the other, and judge")
    runs.add_argument("names", nargs="*", metavar="NAME", help="which; all where none is named")
    runs.add_argument("--quick", action="store_true", help="only those that take a few seconds")
    runs.add_argument("--json", type=Path, metavar="FILE", help="write the report as JSON")
    runs.add_argument("--html", type=Path, metavar="FILE", help="write the report as one page")
    runs.add_argument("--markdown", type=Path, metavar="FILE", help="write it as Markdown")
    broken = commands.add_parser("controls", help="see that gateways broken on purpose are caught")
    broken.add_argument("names", nargs="*", metavar="NAME", help="which; all where none is named")
    broken.add_argument(
        "--broken-only", action="store_true", help="without the runs of a healthy gateway"
    )
    broken.add_argument("--json", type=Path, metavar="FILE", help="write the results as JSON")
    return parser


def _list(given: argparse.Namespace) -> int:
    if given.json:
        sys.stdout.write(json.dumps([_listed(each) for each in all_experiments()]) + "\n")
        return 0
    table = Table("experiment", "what is broken", "how", "quick", "claim", box=None)
    for each in all_experiments():
        spec = each.spec
        table.add_row(
            each.name,
            spec.service,
            f"{spec.fault}: {spec.how}",
            "yes" if spec.quick else "",
            each.title,
        )
    Console(width=None if sys.stdout.isatty() else 200).print(table)
    return 0


def _listed(experiment: Experiment) -> dict[str, object]:
    spec = experiment.spec
    return {
        "name": experiment.name,
        "title": experiment.title,
        "service": spec.service,
        "fault": spec.fault,
        "how": spec.how,
        "quick": spec.quick,
        "limit": spec.limit,
    }


def _controls(given: argparse.Namespace) -> int:
    _need_toxiproxy()
    return controls(given.names, broken_only=given.broken_only, json_file=given.json)


def _run(given: argparse.Namespace) -> int:
    chosen = choose(given.names, quick=given.quick)
    _need_folders(given)
    _need_toxiproxy()
    outcomes = _outcomes(chosen)
    if not outcomes:
        return _die("stopped before anything was run", NOT_RUN)
    report = report_of(outcomes)
    if given.json is not None:
        write_report(report, given.json)
    if given.html is not None:
        given.html.write_text(report_html(report))
    if given.markdown is not None:
        given.markdown.write_text(report_markdown(report))
    sys.stdout.write(summary(report) + "\n")
    return report.exit_code


def _outcomes(chosen: Sequence[Experiment]) -> list[Outcome]:
    """Run them one after the other, until somebody wants no more."""
    outcomes: list[Outcome] = []
    with (
        contextlib.suppress(KeyboardInterrupt),  # between two of them
        Display(Console(stderr=True), len(chosen)) as display,
    ):
        for experiment in chosen:
            display.begin(experiment)
            outcome = run(experiment, display.tell)
            outcomes.append(outcome)
            display.end(outcome)
            if outcome.evidence.by_hand:
                break
    return outcomes


def _need_folders(given: argparse.Namespace) -> None:
    """Say before the run, not after it, that a report cannot be written."""
    for path in (given.json, given.html, given.markdown):
        if path is not None and not path.absolute().parent.is_dir():
            raise ConfigurationError(f"there is no folder for {str(path)!r}")


def choose(names: Sequence[str], *, quick: bool) -> tuple[Experiment, ...]:
    """The experiments that were asked for.

    Raises:
        ConfigurationError: one of the names is none, or names and ``quick`` were both given.
    """
    there = {each.name: each for each in all_experiments()}
    if names and quick:
        raise ConfigurationError("name experiments or ask for the quick ones, not both")
    if unknown := [name for name in names if name not in there]:
        raise ConfigurationError(
            f"no experiment {', '.join(map(repr, unknown))}; there are {', '.join(there)}"
        )
    chosen = [there[name] for name in names] or list(there.values())
    return tuple(each for each in chosen if each.spec.quick or not quick)


def _need_toxiproxy() -> None:
    try:
        program()
    except RigFailed:
        done = subprocess.run([ROOT / "scripts" / "install-toxiproxy"], stdout=sys.stderr)
        if done.returncode:
            raise


_COMMANDS = {"list": _list, "run": _run, "controls": _controls}


def _die(message: str, code: int) -> int:
    sys.stderr.write(f"chaos: {message}\n")
    return code
