"""The command line of ``scripts/performance_test.py``: options in, plans out."""

import argparse
import os
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import msgspec

from dynogate.errors import ConfigurationError
from dynogate.load import schedules
from dynogate.load.breaking_point import Search
from dynogate.load.calls import Call, read_scenario
from dynogate.load.harness import Options
from dynogate.load.samples import Samples
from dynogate.load.steps import Rule
from dynogate.load.targets import Target, target
from dynogate.load.thresholds import Threshold, parse_threshold

TOKEN_VARIABLE = "DYNOGATE_LOAD_TOKEN"  # noqa: S105  # its name, not itself
EPILOG = """\
exit status: 0 held, 1 a threshold was failed or the server cannot be reached, 2 usage,
3 the generator was too slow for its figures to be the server's (INVALID)."""

_CONCURRENT_SEC, _SUSTAINED_SEC, _STEP_SEC = 10.0, 600.0, 5.0
_USERS, _MAX_USERS = 10, 50
_MOST_OPEN = 10_000.0


@dataclass(frozen=True, slots=True)
class Load:
    """What is kept up: a schedule, or users.

    Attributes:
        times: of an open loop; None for a closed one.
        users: of a closed loop.
        calls: of a closed loop; None for as many as there is time for.
        duration: in seconds; None where the number of calls decides.
    """

    times: schedules.Times | None
    users: int
    calls: int | None
    duration: float | None


class _Parser(argparse.ArgumentParser):
    """Wrong usage in one line."""

    def error(self, message: str) -> None:  # type: ignore[override]
        raise ConfigurationError(message)


def parser() -> argparse.ArgumentParser:
    """The whole command line."""
    main = _Parser(
        prog="performance_test.py",
        description="Load a gateway, or any MCP server: where it breaks, why, and whether it "
        "leaks. Without a command: concurrent, ramp-up and sustained in a row, the last at the "
        "highest load that held.",
        epilog=EPILOG,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    common = _Parser(add_help=False)
    _add_target(common)
    _add_load(common)
    _add_ramp(common)
    _add_verdict(common)
    main_only = main.add_subparsers(dest="command", metavar="COMMAND")
    for name, words in (
        ("concurrent", "keep a rate, or a number of users, for a while"),
        ("ramp-up", "raise the load until it breaks: where, and how sure that is"),
        ("sustained", "keep a load for long, and look for drift"),
    ):
        main_only.add_parser(
            name,
            help=words,
            description=words,
            parents=[common],
            epilog=EPILOG,
            formatter_class=argparse.RawDescriptionHelpFormatter,
        )
    compare = main_only.add_parser("compare", help="is B better or worse than A, or is it noise")
    compare.add_argument("before", type=Path, metavar="A.json")
    compare.add_argument("after", type=Path, metavar="B.json")
    compare.add_argument("--json", type=Path, metavar="FILE", help="write the comparison there")
    everything = main_only.add_parser(
        "all", help="the three in a row, as without a command", parents=[common]
    )
    everything.set_defaults(command="all")
    return main


def _add_target(to: argparse.ArgumentParser) -> None:
    group = to.add_argument_group("target")
    add = group.add_argument
    add("--url", default="http://127.0.0.1:8000", help="the server (default: %(default)s)")
    add(
        "--transport",
        choices=("rpc", "mcp", "ws"),
        help="default: what the URL looks like, otherwise rpc",
    )
    add("--tool", metavar="NAME", help="default: the cheapest read-only tool that it lists")
    add("--args", metavar="JSON", help="the tool's arguments")
    add("--scenario", type=Path, metavar="FILE", help="JSON or YAML: [{tool, arguments, weight}]")
    add("--header", action="append", default=[], metavar="'NAME: VALUE'", help="may be repeated")
    add("--token", help=f"sent as 'Authorization: Bearer'; better in ${TOKEN_VARIABLE}")
    add("--timeout", type=float, default=30.0, metavar="S", help="of a call (default: 30)")
    add("--insecure", action="store_true", help="do not check the server's certificate")
    add("--pid", type=int, help="of the server on this machine, to watch its memory and CPU")


def _add_load(to: argparse.ArgumentParser) -> None:
    group = to.add_argument_group("load")
    add = group.add_argument
    kind = group.add_mutually_exclusive_group()
    kind.add_argument(
        "--rate", type=float, metavar="R", help="calls a second, open loop (ramp-up: at most)"
    )
    kind.add_argument(
        "--concurrency", type=int, metavar="N", help="users, closed loop (ramp-up: at most)"
    )
    kind.add_argument("--replay", type=Path, metavar="FILE", help="arrival times, one a line")
    add("--duration", type=float, metavar="S", help="seconds (ramp-up: of each step)")
    add("--requests", type=int, metavar="N", help="closed loop: stop after so many calls")
    add("--arrivals", choices=("constant", "poisson"), default="constant", help="of --rate")
    add("--ramp-from", type=float, metavar="R", help="rise evenly from this rate to --rate")
    add("--speed", type=float, default=1.0, metavar="F", help="of --replay (default: 1)")
    add("--engine", choices=("auto", "aiohttp", "fast"), default="auto", help="default: auto")
    add("--processes", type=int, metavar="N", help="generators; default: what the rate needs")
    add("--max-in-flight", type=int, default=10_000, metavar="N", help="default: %(default)s")
    add("--connections", type=int, default=8, metavar="N", help="WebSockets of an open loop")


def _add_ramp(to: argparse.ArgumentParser) -> None:
    add = to.add_argument_group("ramp-up").add_argument
    add("--start-rate", type=float, metavar="R", help="the first rate (default: 10)")
    add("--step-size", type=int, default=5, metavar="N", help="users more (default: 5)")
    add("--step-duration", type=float, metavar="S", help="seconds of a step (default: 5)")
    add("--repeats", type=int, default=3, metavar="N", help="of the search (default: 3)")
    add("--min-success", type=float, default=0.95, metavar="SHARE", help="rule (default: 0.95)")
    add("--p99-limit", type=float, default=1.0, metavar="S", help="rule (default: 1)")
    add("--min-goodput", type=float, default=0.95, metavar="SHARE", help="rule (default: 0.95)")
    add("--no-recovery", action="store_true", help="do not overload once more for the recovery")


def _add_verdict(to: argparse.ArgumentParser) -> None:
    add = to.add_argument_group("verdict and output").add_argument
    limit = {"action": "append", "default": [], "metavar": "[TOOL=]LIMIT"}
    add("--max-error-rate", help="default: 5%%", **limit)  # type: ignore[arg-type]
    add("--max-p99", help="of the response time: 500ms, 2s", **limit)  # type: ignore[arg-type]
    add("--min-rps", help="successes a second", **limit)  # type: ignore[arg-type]
    add("--fail-on-drift", action="store_true", help="sustained: growth fails")
    add("--json", type=Path, metavar="FILE", help="write the report there")
    add("--html", type=Path, metavar="FILE", help="write it as a page with plots")
    add("--quiet", action="store_true", help="no live progress, no table")


def parse(words: Sequence[str]) -> argparse.Namespace:
    """Read a command line.

    Raises:
        ConfigurationError: it cannot be meant.
        SystemExit: help was asked for.
    """
    listed = list(words)
    commands = {"concurrent", "ramp-up", "sustained", "compare", "all"}
    if not commands.intersection(listed[:1]) and not {"-h", "--help"}.intersection(listed[:1]):
        listed.insert(0, "all")
    return parser().parse_args(listed)


def target_of(given: argparse.Namespace) -> Target:
    """Where to."""
    headers = dict(_header(each) for each in given.header)
    token = given.token or os.environ.get(TOKEN_VARIABLE)
    if token:
        headers["Authorization"] = f"Bearer {token}"
    return target(
        given.url,
        given.transport,
        headers=headers,
        timeout=given.timeout,
        verify=not given.insecure,
    )


def shown_options(given: argparse.Namespace) -> dict[str, str | float | int | bool | None]:
    """What was asked for, as the report tells it: without secrets."""
    hidden = {"token", "header", "url"}  # the report's target is the URL without its query
    return {
        name: value if isinstance(value, (str, float, int, bool)) else str(value)
        for name, value in vars(given).items()
        if name not in hidden and value not in (None, [])
    }


def _header(text: str) -> tuple[str, str]:
    name, colon, value = text.partition(":")
    if not colon or not name.strip():
        raise ConfigurationError(f"--header {text!r} is none; write 'NAME: VALUE'")
    return name.strip(), value.strip()


def calls_of(given: argparse.Namespace) -> tuple[Call, ...]:
    """What to call; nothing where the server is to say."""
    if given.scenario is not None:
        if given.tool is not None or given.args is not None:
            raise ConfigurationError("--scenario names the tools; leave --tool and --args out")
        return read_scenario(given.scenario)
    if given.tool is None:
        if given.args is not None:
            raise ConfigurationError("--args goes with --tool")
        return ()
    try:
        arguments = msgspec.json.decode(given.args or "{}", type=dict[str, object])
    except msgspec.DecodeError as error:
        raise ConfigurationError(f"--args is no JSON object: {error}") from error
    return (Call(given.tool, arguments),)


def options_of(given: argparse.Namespace) -> Options:
    """How."""
    return Options(
        engine=given.engine,
        processes=given.processes,
        max_in_flight=given.max_in_flight,
        connections=given.connections,
        pid=given.pid,
    )


def load_of(given: argparse.Namespace, *, sustained: bool) -> Load:
    """What ``concurrent`` and ``sustained`` keep up."""
    usual = _SUSTAINED_SEC if sustained else _CONCURRENT_SEC
    duration = given.duration if given.duration is not None else usual
    if given.replay is not None:
        times = schedules.replay(schedules.read_arrivals(given.replay), given.speed)
        return Load(times, 0, None, float(times[-1]) or 1e-3)
    if given.rate is None:
        if given.ramp_from is not None:
            raise ConfigurationError("--ramp-from goes with --rate")
        users = given.concurrency if given.concurrency is not None else _USERS
        if given.requests is not None:
            return Load(None, users, given.requests, given.duration)
        return Load(None, users, None, duration)
    if given.requests is not None:
        raise ConfigurationError("--requests goes with --concurrency; --rate has a --duration")
    return Load(_times(given, duration), 0, None, duration)


def sustained_like(given: argparse.Namespace, best: Samples) -> Load:
    """The load of the best step, kept up for long."""
    duration = given.duration if given.duration is not None else _SUSTAINED_SEC
    if best.loop == "closed":
        return Load(None, best.users, None, duration)
    return Load(schedules.constant(best.offered_rate, duration), 0, None, duration)


def _times(given: argparse.Namespace, duration: float) -> schedules.Times:
    if given.ramp_from is not None:
        return schedules.ramp(given.ramp_from, given.rate, duration)
    if given.arrivals == "poisson":
        return schedules.poisson(given.rate, duration)
    return schedules.constant(given.rate, duration)


def step_duration_of(given: argparse.Namespace) -> float:
    """Seconds of a step of a ramp-up."""
    own = given.step_duration
    if own is None:
        own = given.duration if given.command == "ramp-up" else None
    return _STEP_SEC if own is None else float(own)


def search_of(given: argparse.Namespace) -> Search:
    """Where the breaking point is looked for."""
    limit = given.rate if given.rate is not None else _MOST_OPEN
    start = given.start_rate if given.start_rate is not None else min(10.0, limit)
    try:
        return Search(start, limit, lightest=start / 4, repeats=given.repeats)
    except ValueError as error:
        raise ConfigurationError(str(error)) from error


def most_users(given: argparse.Namespace) -> int:
    """Users of a closed ramp-up's last step."""
    return _MAX_USERS if given.concurrency is None else int(given.concurrency)


def rule_of(given: argparse.Namespace) -> Rule:
    """When a load counts as held.

    Raises:
        ConfigurationError: a share is none, or the limit is not over 0.
    """
    for name, share in (("success", given.min_success), ("goodput", given.min_goodput)):
        if not 0 <= share <= 1:
            raise ConfigurationError(f"--min-{name} is a share from 0 to 1, not {share}")
    if not given.p99_limit > 0:
        raise ConfigurationError(f"--p99-limit must be over 0, not {given.p99_limit}")
    return Rule(given.min_success, given.p99_limit, given.min_goodput)


def thresholds_of(given: argparse.Namespace) -> tuple[Threshold, ...]:
    """What decides between 0 and 1."""
    return (
        *(parse_threshold("error_rate", each) for each in given.max_error_rate or ["5%"]),
        *(parse_threshold("p99", each) for each in given.max_p99),
        *(parse_threshold("rps", each) for each in given.min_rps),
    )
