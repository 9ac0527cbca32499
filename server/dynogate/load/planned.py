"""A planned load test in a process of its own: ``python -m dynogate.load.planned``.

Reads the plan (JSON) from its standard input; leaves its progress, and at its end the result or
what went wrong, as files in its working directory. SIGTERM ends the test with what there is.
"""

import asyncio
import contextlib
import io
import os
import signal
import sys
from collections.abc import AsyncIterator, Callable
from datetime import UTC, datetime
from pathlib import Path
from time import monotonic

import msgspec
from rich.console import Console

from dynogate.errors import ConfigurationError, GatewayUnreachable
from dynogate.load import schedules, units
from dynogate.load.breaking_point import Search
from dynogate.load.experiments import drifts_of, find_edge, raise_users, steps_up_to
from dynogate.load.generator import Progress
from dynogate.load.harness import Harness, Interrupted, Options
from dynogate.load.outcome import PROBLEM, PROGRESS, RESULT, Problem, Result, Standing
from dynogate.load.plan import Plan
from dynogate.load.report.document import Report
from dynogate.load.report.text import report_text, summary
from dynogate.load.results import Result as Part
from dynogate.load.results import report_of, result_of_load, result_of_ramp
from dynogate.load.steps import Rule
from dynogate.load.stored import row_of
from dynogate.load.thresholds import Threshold

_STEPS = 10
"""Of a ramp-up of callers, at most."""
_HELD_BACK = 0.9
"""Share of the highest rate above which callers may have wanted more."""
_SOCKETS = 8
"""Of an open loop over WebSocket, at most: many calls share one."""
_WIDTH = 120


async def carry_out(
    plan: Plan,
    report: Callable[[Progress], None] | None = None,
    *,
    ready: Callable[[Harness], None] | None = None,
) -> Report:
    """Run a plan.

    Args:
        plan: as ``dynogate.load.plan.check`` let it pass.
        report: is told twice a second how it stands.
        ready: is given the harness, whose ``stop`` ends the test early.

    Raises:
        GatewayUnreachable: there is no server.
        Interrupted: it was stopped before anything was measured.
    """
    started = datetime.now(UTC)
    options = Options(
        max_in_flight=plan.max_connections,
        connections=min(_SOCKETS, plan.max_connections),
        max_calls=plan.max_calls,
        max_rate=plan.max_rate,
    )
    harness = Harness(plan.target, plan.calls, options, report)
    if ready is not None:
        ready(harness)
    async with harness, _no_longer_than(plan, harness):
        if harness.stopped:
            raise Interrupted
        part = await _MODES[plan.mode](harness, plan)
    made = report_of([part], harness, plan.options, started)
    warnings = [_without(plan.secrets, warning) for warning in made.warnings]
    changes: dict[str, object] = {}
    if plan.users is not None and _fastest(made) > _HELD_BACK * plan.max_rate:
        warnings.append(f"held back: callers may make {plan.max_rate:g} calls a second together")
        changes["scalability"] = None  # it would be that of the limit
    if harness.spent:
        warnings.append(f"ended early: the {plan.max_calls:,} calls of a test are used up")
    return made.model_copy(update={"warnings": tuple(warnings), **changes})


def _fastest(report: Report) -> float:
    """Calls a second of its fastest part."""
    return max(report.throughput or 0.0, *(step.goodput or 0.0 for step in report.steps), 0.0)


@contextlib.asynccontextmanager
async def _no_longer_than(plan: Plan, harness: Harness) -> AsyncIterator[None]:
    """End a test whose length is not known beforehand where its time is over."""
    alarm = None
    if plan.mode in {"ramp_up", "breaking_point"}:
        alarm = asyncio.get_running_loop().call_later(plan.duration, harness.stop)
    try:
        yield
    finally:
        if alarm is not None:
            alarm.cancel()


async def _keep_up(harness: Harness, plan: Plan) -> Part:
    if plan.rate is not None:
        times = schedules.constant(plan.rate, plan.duration)
        run = await harness.open_loop(times, plan.duration)
    else:
        run = await harness.closed_loop(
            plan.users or 1, duration=plan.duration, calls=plan.requests
        )
    return result_of_load(
        plan.mode,
        run,
        _thresholds(plan),
        drifts=drifts_of(run) if plan.mode == "sustained" else (),
        interrupted=harness.stopped,
    )


async def _ramp_up(harness: Harness, plan: Plan) -> Part:
    most = plan.users or 1
    users = steps_up_to(most, max(most // _STEPS, 1))
    ramp = await raise_users(harness, users, _rule(plan), step_duration=plan.step)
    if not ramp.runs:
        raise Interrupted
    return result_of_ramp(ramp, _thresholds(plan))


async def _find_edge(harness: Harness, plan: Plan) -> Part:
    most = plan.rate or 1.0
    start = min(10.0, most)
    found = await find_edge(
        harness,
        Search(start, most, lightest=start / 4),
        _rule(plan),
        step_duration=plan.step,
        measure_recovery=False,
    )
    if not found.runs:
        raise Interrupted
    return result_of_ramp(found, _thresholds(plan))


_MODES = {
    "concurrent": _keep_up,
    "sustained": _keep_up,
    "ramp_up": _ramp_up,
    "breaking_point": _find_edge,
}


def _rule(plan: Plan) -> Rule:
    return Rule() if plan.max_p99 is None else Rule(max_p99=plan.max_p99)


def _thresholds(plan: Plan) -> tuple[Threshold, ...]:
    limits = [Threshold("error_rate", plan.max_error_rate)]
    if plan.max_p99 is not None:
        limits.append(Threshold("p99", plan.max_p99))
    if plan.min_rps is not None:
        limits.append(Threshold("rps", plan.min_rps))
    return tuple(limits)


def _without(secrets: tuple[str, ...], text: str) -> str:
    """A server may quote what it was sent."""
    for secret in secrets:
        text = text.replace(secret, "***")
    return text


def _plain_text(report: Report) -> str:
    """The report for a reader without a terminal; what a server wrote does not steer one."""
    written = io.StringIO()
    Console(file=written, width=_WIDTH, color_system=None).print(report_text(report))
    lines = (line.rstrip() for line in written.getvalue().strip().split("\n"))
    return "\n".join("".join(c if c.isprintable() else "\ufffd" for c in line) for line in lines)


def _leave(name: str, thing: msgspec.Struct) -> None:
    """Write a file of the working directory, whole or not at all."""
    path = Path(name)
    path.with_suffix(".new").write_bytes(msgspec.json.encode(thing))
    path.with_suffix(".new").replace(path)


def _teller(plan: Plan) -> Callable[[Progress], None]:
    began = monotonic()
    before = Progress(0.0, 0, 0, 0, 0, None, None)

    def tell(now: Progress) -> None:
        nonlocal before
        if now.at <= before.at:  # another step
            before = Progress(0.0, 0, 0, 0, 0, None, None)
        rate = (now.ended - before.ended) / max(now.at - before.at, 1e-3)
        before = now
        parts = (
            f"{units.number(rate)} calls/s",
            f"{now.in_flight} in flight",
            f"p50 {units.seconds(now.p50)}",
            f"p99 {units.seconds(now.p99)}",
            f"{now.bad} errors",
        )
        done = min(monotonic() - began, plan.duration)
        _leave(PROGRESS, Standing(round(done, 1), ", ".join(parts)))

    return tell


async def _run(plan: Plan) -> None:
    def stopped_by_sigterm(harness: Harness) -> None:
        asyncio.get_running_loop().add_signal_handler(signal.SIGTERM, harness.stop)

    try:
        report = await carry_out(plan, _teller(plan), ready=stopped_by_sigterm)
    except GatewayUnreachable as error:
        _leave(PROBLEM, Problem("unreachable", _without(plan.secrets, error.message)))
    except ConfigurationError as error:
        _leave(PROBLEM, Problem("invalid", _without(plan.secrets, error.message)))
    except RuntimeError as error:  # a generator died
        _leave(PROBLEM, Problem("interrupted", str(error)))
    except Interrupted:
        _leave(PROBLEM, Problem("interrupted", "it was stopped before anything was measured"))
    else:
        document = report.model_dump_json().encode()
        row = row_of(report, plan.mode, summary(report))
        _leave(RESULT, Result(row, _plain_text(report), msgspec.Raw(document)))


def main() -> None:
    """Run the plan on the standard input."""
    os.umask(0o077)
    plan = msgspec.json.decode(sys.stdin.buffer.read(), type=Plan)
    asyncio.run(_run(plan))


if __name__ == "__main__":
    main()
