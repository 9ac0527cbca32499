"""The tool that loads a server."""

from collections.abc import Mapping
from typing import Annotated, Any, Literal

from pydantic import Field

from dynogate.errors import ConfigurationError
from dynogate.jobs.queue import JobHandle
from dynogate.load.calls import Call
from dynogate.load.plan import Bounds, Mode, OutOfBounds, Plan, check
from dynogate.load.report.model import Model
from dynogate.load.storage import LoadReportStorage
from dynogate.load.stored import StoredReport
from dynogate.load.supervised import LoadRunner
from dynogate.load.targets import Target, target
from dynogate.tools.context import ToolContext
from dynogate.tools.load.family import EXECUTE, load_summary, require_extra, toolset
from dynogate.tools.registry import invalid

_TOOL = "run_load_test"

_USERS = 10
_STEP_SEC = 3.0
_USUAL_SEC: Mapping[Mode, float] = {
    "concurrent": 10.0,
    "sustained": 60.0,
    "ramp_up": 60.0,
    "breaking_point": 120.0,
}

# What the HTTP client itself has to say, and what could lead a request past the list of targets.
_OURS = {
    *("host", "connection", "content-length", "transfer-encoding", "te", "trailer", "upgrade"),
    *("expect", "keep-alive", "proxy-authorization", "proxy-connection", "content-encoding"),
}


class LoadTestRun(Model):
    """A load test that was run, and the id to ask about it."""

    report_id: str = Field(description="Give it to get_load_report and compare_load_reports.")
    summary: StoredReport = Field(description="The verdict and the main figures.")
    report_text: str = Field(description="The report for a reader.")

    def text(self) -> str:
        """The report, and what to ask next."""
        return (
            f"{self.report_text}\n\nreport_id: {self.report_id} "
            "(next: compare_load_reports with an earlier one, get_load_report for all of it)"
        )


@toolset.tool(scope="tools:execute", annotations=EXECUTE, long_running=True)
async def run_load_test(
    ctx: ToolContext,
    *,
    target_url: Annotated[
        str,
        Field(
            description="The server to load, a Dynogate gateway or any MCP server: "
            "http://127.0.0.1:8000. A URL without a path gets that of the transport. Only servers "
            "that the gateway's operator lists may be loaded; by default those on its own machine.",
            min_length=1,
            max_length=2048,
        ),
    ],
    mode: Annotated[
        Mode,
        Field(
            description="concurrent: keep a load for a while. sustained: the same for longer, and "
            "look for leaks and drift. ramp_up: add callers step by step until it breaks. "
            "breaking_point: search the highest rate that the server sustains, with its interval."
        ),
    ] = "concurrent",
    rate: Annotated[
        float | None,
        Field(
            description="Calls a second, sent on time whatever the server does (open loop): for "
            "concurrent and sustained; for breaking_point the most to try (default: what the "
            "gateway allows). Excludes concurrency.",
            gt=0,
            le=1_000_000,
        ),
    ] = None,
    concurrency: Annotated[
        int | None,
        Field(
            description="Callers who each wait for their answer before they call again (closed "
            "loop; default: 10); for ramp_up the most. A closed loop hides stalls: prefer rate.",
            ge=1,
            le=1_000_000,
        ),
    ] = None,
    duration_seconds: Annotated[
        float | None,
        Field(
            description="How long to load (default: 10 for concurrent, 60 for sustained); for "
            "ramp_up and breaking_point at most in all (60, 120).",
            gt=0,
            le=86_400,
        ),
    ] = None,
    step_seconds: Annotated[
        float | None,
        Field(
            description="How long each step of ramp_up and breaking_point takes (default: 3).",
            gt=0,
            le=86_400,
        ),
    ] = None,
    requests: Annotated[
        int | None,
        Field(
            description="With concurrency, mode concurrent: end after so many calls, even where "
            "there is time left.",
            ge=1,
            le=1_000_000_000,
        ),
    ] = None,
    transport: Annotated[
        Literal["rpc", "mcp", "ws"] | None,
        Field(
            description="rpc (JSON-RPC over POST), mcp (Streamable HTTP) or ws (WebSocket); "
            "default: what the URL looks like, otherwise rpc."
        ),
    ] = None,
    tool: Annotated[
        str | None,
        Field(
            description="The tool to call there; default: the cheapest read-only one it lists.",
            min_length=1,
            max_length=256,
        ),
    ] = None,
    arguments: Annotated[
        dict[str, Any] | None,
        Field(
            description="The tool's arguments. Only their names are kept in the report.",
            max_length=1000,
            json_schema_extra={"writeOnly": True},
        ),
    ] = None,
    headers: Annotated[
        dict[str, Annotated[str, Field(max_length=8192)]] | None,
        Field(
            description="Headers to send with each call, such as Authorization. They are neither "
            "stored nor logged; the gateway's own credentials are never sent.",
            max_length=50,
            json_schema_extra={"writeOnly": True},
        ),
    ] = None,
    verify_tls: Annotated[
        bool, Field(description="Check the server's certificate, over https and wss.")
    ] = True,
    timeout_seconds: Annotated[
        float, Field(description="Seconds after which one call has failed.", gt=0, le=120)
    ] = 30.0,
    max_error_rate: Annotated[
        float, Field(description="Share of failed calls (0 to 1) above which it fails.", ge=0, le=1)
    ] = 0.05,
    max_p99_seconds: Annotated[
        float | None,
        Field(
            description="p99 of the response time above which it fails; for ramp_up and "
            "breaking_point also above which a step is not held (default there: 1).",
            gt=0,
            le=3600,
        ),
    ] = None,
    min_rate: Annotated[
        float | None,
        Field(description="Successes a second below which it fails.", gt=0, le=1_000_000),
    ] = None,
) -> LoadTestRun:
    """Load a server, and say whether it held, where it breaks, or whether it leaks.

    Use it to measure a gateway or an MCP server under load. It calls one tool of that server again
    and again, at a rate or from a number of callers, checks every reply, and certifies itself: a
    verdict INVALID means that the load generator was too slow, so that the figures say nothing of
    the server; HELD and FAILED say whether the limits were kept. Returns the report_id, the main
    figures, and the report as text: latency percentiles, outcomes, the breaking point with its
    interval, drift, and what was wrong with replies. A cancelled test keeps what it measured.
    """
    require_extra(_TOOL, "aiohttp", "scipy")
    runner = ctx.services.get(LoadRunner)
    storage = ctx.services.get(LoadReportStorage)
    rate, concurrency = _load(mode, rate, concurrency, runner.bounds)
    duration = duration_seconds or min(_USUAL_SEC[mode], runner.bounds.max_duration_sec)
    plan = Plan(
        mode=mode,
        target=_target(target_url, transport, headers or {}, timeout_seconds, verify_tls),
        calls=_calls(tool, arguments),
        rate=rate,
        users=concurrency,
        duration=duration,
        step=step_seconds or min(_STEP_SEC, duration),
        requests=requests,
        max_error_rate=max_error_rate,
        max_p99=max_p99_seconds,
        min_rps=min_rate,
        max_calls=runner.bounds.max_calls,
        max_connections=runner.bounds.max_connections,
        max_rate=runner.bounds.max_rate,
    )
    try:
        check(plan, runner.bounds)
    except OutOfBounds as problem:
        raise invalid(_TOOL, problem.argument, str(problem)) from None
    plan = plan.at(await runner.allowed.admit(plan.target))

    def work(job: JobHandle) -> LoadTestRun:
        result = runner.run(plan, cancel=job.cancel, on_progress=job.progress)
        report_id = storage.store(result)
        return LoadTestRun(
            report_id=report_id,
            summary=load_summary(storage, report_id),
            report_text=result.text,
        )

    return await ctx.run_job(_TOOL, work)


def _load(
    mode: Mode, rate: float | None, users: int | None, bounds: Bounds
) -> tuple[float | None, int | None]:
    """What was asked for, or what is usual."""
    if rate is not None or users is not None:
        return rate, users
    if mode == "breaking_point":
        return bounds.max_rate, None
    return None, min(_USERS, bounds.max_connections)


def _target(
    url: str,
    transport: Literal["rpc", "mcp", "ws"] | None,
    headers: dict[str, str],
    timeout: float,
    verify: bool,
) -> Target:
    ours = [name for name in headers if name.lower() in _OURS or name.lower().startswith("sec-")]
    if ours:
        raise invalid(_TOOL, "headers", f"may not name {ours[0]!r}, which the client itself sends")
    try:
        return target(url, transport, headers=headers, timeout=timeout, verify=verify)
    except ConfigurationError as error:
        where = "headers" if "header " in error.message else "target_url"
        raise invalid(_TOOL, where, f"cannot be: {error.message}") from None


def _calls(tool: str | None, arguments: dict[str, Any] | None) -> tuple[Call, ...]:
    if tool is None:
        if arguments is not None:
            raise invalid(_TOOL, "arguments", "goes with 'tool'")
        return ()
    return (Call(tool, arguments or {}),)
