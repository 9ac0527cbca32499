"""The command itself: from words to an exit status."""

import argparse
import asyncio
import contextlib
import signal
import sys
from collections.abc import AsyncIterator, Sequence
from datetime import UTC, datetime

from rich.console import Console

from dynogate.errors import ConfigurationError, DynogateError, GatewayUnreachable
from dynogate.load.command import arguments
from dynogate.load.command.arguments import Load
from dynogate.load.command.progress import Display
from dynogate.load.comparison import compare_reports
from dynogate.load.experiments import RampUp, drifts_of, find_edge, raise_users, steps_up_to
from dynogate.load.harness import Harness, Run
from dynogate.load.report.document import read_report, write_report
from dynogate.load.report.html import report_html
from dynogate.load.report.text import report_text
from dynogate.load.results import (
    FAILED,
    HELD,
    INVALID,
    USAGE,
    Result,
    report_of,
    result_of_load,
    result_of_ramp,
)


def main(words: Sequence[str] | None = None) -> int:
    """Run the command line.

    Returns:
        0 held, 1 failed, 2 usage, 3 invalid.
    """
    try:
        given = arguments.parse(sys.argv[1:] if words is None else words)
        if given.command == "compare":
            return _compare(given)
        return asyncio.run(_Session(given).run())
    except ConfigurationError as error:
        return _die(error.message, USAGE)
    except GatewayUnreachable as error:
        return _die(error.message, FAILED)
    except DynogateError as error:
        return _die(error.message, FAILED)
    except OSError as error:
        return _die(str(error), USAGE)
    except KeyboardInterrupt:
        return _die("stopped before anything was measured", FAILED)


def _die(message: str, status: int) -> int:
    sys.stderr.write(f"performance_test.py: {message}\n")
    return status


class _Session:
    """One invocation: its options are read before anything is sent."""

    def __init__(self, given: argparse.Namespace) -> None:
        self._given = given
        self._target = arguments.target_of(given)
        self._calls = arguments.calls_of(given)
        self._options = arguments.options_of(given)
        self._thresholds = arguments.thresholds_of(given)
        self._rule = arguments.rule_of(given)
        self._step = arguments.step_duration_of(given)
        self._load = arguments.load_of(given, sustained=given.command == "sustained")
        self._search = arguments.search_of(given)
        self._users = steps_up_to(arguments.most_users(given), given.step_size)
        self._display = Display(Console(stderr=True), quiet=given.quiet)
        for path in (given.json, given.html):
            if path is not None and not path.parent.is_dir():
                raise ConfigurationError(f"there is no directory {str(path.parent)!r}")

    async def run(self) -> int:
        """All of it."""
        started = datetime.now(UTC)
        results: list[Result] = []
        harness = Harness(self._target, self._calls, self._options, self._display.show)
        with self._display:
            async with harness, _stopped_by_signals(harness):
                names = ", ".join(call.tool for call in harness.calls)
                self._display.say(f"{self._target.shown} ({self._target.transport}): {names}")
                broken = await self._collect(harness, results)
        if not results:
            return _die(broken or "stopped before anything was measured", FAILED)
        report = report_of(results, harness, arguments.shown_options(self._given), started)
        if self._given.json is not None:
            write_report(report, self._given.json)
        if self._given.html is not None:
            self._given.html.write_text(report_html(report))
        if not self._given.quiet:
            Console(width=None if sys.stdout.isatty() else 120).print(report_text(report))
        return _die(broken, FAILED) if broken else report.exit_code

    async def _collect(self, harness: Harness, results: list[Result]) -> str:
        """Every result there is to be had; in words, what kept the rest away."""
        try:
            async for result in self._results(harness):
                results.append(result)  # noqa: PERF401  # those so far are kept if it breaks
        except (DynogateError, RuntimeError) as error:
            return str(error)
        return ""

    async def _results(self, harness: Harness) -> AsyncIterator[Result]:
        command = self._given.command
        if command in {"concurrent", "all"}:
            yield await self._kept_up(harness, "concurrent", self._load)
        best: Run | None = None
        if command in {"ramp-up", "all"} and not harness.stopped:
            ramp = await self._ramp_up(harness)
            best = ramp.best
            if ramp.runs:
                yield result_of_ramp(ramp, self._thresholds)
        if command == "sustained":
            yield await self._kept_up(harness, "sustained", self._load)
        if command == "all" and best is not None and not harness.stopped:
            load = arguments.sustained_like(self._given, best.samples)
            yield await self._kept_up(harness, "sustained", load)

    async def _kept_up(self, harness: Harness, name: str, load: Load) -> Result:
        self._display.phase(name, load.duration)
        if load.times is not None:
            run = await harness.open_loop(load.times, load.duration or 0.0)
        else:
            run = await harness.closed_loop(load.users, duration=load.duration, calls=load.calls)
        return result_of_load(
            name,
            run,
            self._thresholds,
            drifts=drifts_of(run) if name == "sustained" else (),
            fail_on_drift=self._given.fail_on_drift,
            interrupted=harness.stopped,
        )

    async def _ramp_up(self, harness: Harness) -> RampUp:
        self._display.phase("ramp-up", None)
        if self._given.concurrency is not None:
            return await raise_users(harness, self._users, self._rule, step_duration=self._step)
        return await find_edge(
            harness,
            self._search,
            self._rule,
            step_duration=self._step,
            measure_recovery=not self._given.no_recovery,
        )


@contextlib.asynccontextmanager
async def _stopped_by_signals(harness: Harness) -> AsyncIterator[None]:
    """The first Ctrl-C ends the run and writes the report; the second one ends everything."""
    loop = asyncio.get_running_loop()
    heard = (signal.SIGINT, signal.SIGTERM)

    def stop() -> None:
        for number in heard:
            loop.remove_signal_handler(number)
        harness.stop()

    for number in heard:
        loop.add_signal_handler(number, stop)
    try:
        yield
    finally:
        for number in heard:
            loop.remove_signal_handler(number)


def _compare(given: argparse.Namespace) -> int:
    """Two reports side by side.

    Returns:
        0 for noise or an improvement, 1 for a regression, 3 where the two cannot be compared.
    """
    found = compare_reports(read_report(given.before), read_report(given.after))
    if given.json is not None:
        given.json.write_text(found.model_dump_json(indent=1) + "\n")
    sys.stdout.write(found.text + "\n")
    return {"regression": FAILED, "incomparable": INVALID}.get(found.verdict, HELD)
