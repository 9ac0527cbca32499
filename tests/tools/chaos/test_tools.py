"""The tools as a gateway calls them."""

import asyncio
import json
import textwrap
from collections.abc import AsyncIterator, Iterator
from contextlib import closing
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import psutil
import pytest
from jsonschema import Draft202012Validator

import dynogate
from chaos.report.document import BarReport, ExperimentReport, ProofReport, Report
from dynogate.errors import (
    Busy,
    ChaosDisabled,
    ChaosUnavailable,
    InvalidParams,
    ReportNotFound,
)
from dynogate.jobs.limits import Limits
from dynogate.jobs.queue import JobQueue
from dynogate.store.database import Database
from dynogate.store.reports import ReportTable
from dynogate.tools.chaos import family, toolset
from dynogate.tools.context import Services, ToolContext
from dynogate.tools.policy import ChaosPolicy
from dynogate.tools.registry import FunctionTool, Registry

REGISTRY = Registry(toolset)
NAME = "client-latency"

REPORT = Report(
    dynogate="0",
    machine="m",
    python="3",
    started_at=datetime.now(UTC),
    seconds=2.5,
    experiments=(
        ExperimentReport(
            name=NAME,
            title="it holds",
            description="d",
            service="client link",
            fault="slow",
            how="by 200 ms",
            quick=True,
            state="red",
            reasons=("not kept: no call fails",),
            proofs=(ProofReport(text="a round trip took 203 ms", bit=True),),
            bars=(BarReport(says="no call fails", text="3 (at most 0)", passed=False),),
            recovery=0.5,
            window=(3.0, 7.0),
            started_at=datetime.now(UTC),
            seconds=2.5,
            activities=(),
            streams={},
        ),
    ),
)
"""As ``python -m chaos run`` writes it."""


@pytest.fixture
def reports(tmp_path: Path) -> Iterator[ReportTable]:
    with closing(Database(f"sqlite:///{tmp_path / 'store.db'}")) as database:
        database.migrate()
        yield ReportTable(database)


@pytest.fixture
async def context(reports: ReportTable) -> AsyncIterator[ToolContext]:
    """The call of somebody who may run experiments."""
    jobs = JobQueue(max_running=2, max_queued=2)
    policy = ChaosPolicy(allow=True, limits=Limits(timeout_sec=60, grace_sec=1))
    services = Services(reports, policy)
    yield ToolContext(principal="local", client_id=None, jobs=jobs, services=services)
    await jobs.drain(5)


@pytest.fixture
def quick_checkout(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A checkout whose one experiment is over at once."""
    listed = [{"name": NAME, "title": "it holds", "service": "client link", "fault": "slow",
               "how": "by 200 ms", "quick": True, "limit": 60}]  # fmt: skip
    (tmp_path / "chaos").mkdir()
    (tmp_path / "chaos" / "__main__.py").write_text(
        textwrap.dedent(f"""
            import sys
            if sys.argv[1] == "list":
                print({json.dumps(listed)!r})
            else:
                assert sys.argv[1:3] == ["run", {NAME!r}]
                open(sys.argv[-1], "w").write({REPORT.model_dump_json()!r})
                sys.exit(1)
        """)
    )
    monkeypatch.setattr(family, "checkout", lambda: tmp_path)
    return tmp_path


async def call(context: ToolContext, name: str, **arguments: object) -> Any:
    """The output of a tool; it must match the tool's own schema."""
    tool = REGISTRY.get(name)
    assert isinstance(tool, FunctionTool)
    result = json.loads(await tool.call(json.dumps(arguments).encode(), context))
    schema = tool.output.model_json_schema(mode="serialization")
    Draft202012Validator(schema).validate(result["structuredContent"])
    return result


async def test_experiments_of_this_checkout_are_listed(context: ToolContext) -> None:
    """Those that ``python -m chaos list`` knows."""
    listed = await call(context, "list_chaos_experiments")
    names = {each["name"] for each in listed["structuredContent"]["experiments"]}
    assert NAME in names
    assert NAME in listed["content"][0]["text"]


async def test_a_run_is_judged_and_kept(context: ToolContext, quick_checkout: Path) -> None:
    """What it returns can be had again, by its id or as the newest."""
    ran = await call(context, "run_chaos_experiment", experiment=NAME)
    (outcome,) = ran["structuredContent"]["experiments"]
    assert (outcome["state"], outcome["recovery"]) == ("red", 0.5)
    text = ran["content"][0]["text"]
    assert "proof: a round trip took 203 ms" in text
    assert "NOT KEPT: no call fails: 3 (at most 0)" in text
    report_id = ran["structuredContent"]["report_id"]
    assert await call(context, "get_chaos_report", report_id=report_id) == ran
    assert await call(context, "get_chaos_report") == ran
    full = await call(context, "get_chaos_report", full=True)
    assert full["structuredContent"]["document"] == json.loads(REPORT.model_dump_json())


async def test_an_experiment_that_is_cancelled_leaves_nothing(context: ToolContext) -> None:
    """No server that it started, and no report; a real one, stopped with its rig up."""
    others = descendants()  # of other tests

    def servers() -> list[str]:
        new = [name for pid, name in descendants().items() if pid not in others]
        return [name for name in new if "toxiproxy" in name or "dynogate" in name]

    task = asyncio.create_task(call(context, "run_chaos_experiment", experiment=NAME))
    while not any("toxiproxy" in name for name in servers()):
        await asyncio.sleep(0.05)
        assert not task.done(), task.exception()
    task.cancel("somebody asked")
    with pytest.raises(asyncio.CancelledError):
        await task
    assert servers() == []
    with pytest.raises(ReportNotFound):
        await call(context, "get_chaos_report")


async def test_only_one_runs_at_a_time(context: ToolContext, quick_checkout: Path) -> None:
    """Another one is told when to come back."""
    with family._alone, pytest.raises(Busy, match="runs already"):
        await call(context, "run_chaos_experiment", experiment=NAME)
    await call(context, "run_chaos_experiment", experiment=NAME)


async def test_an_unknown_experiment_is_refused(context: ToolContext, quick_checkout: Path) -> None:
    """With the names there are."""
    with pytest.raises(InvalidParams, match=f"there are {NAME}"):
        await call(context, "run_chaos_experiment", experiment="client-latecny")


@pytest.mark.parametrize("name", ["--url", "../x", "a b", "", "http://example.org"])
async def test_a_name_is_nothing_but_a_name(context: ToolContext, name: str) -> None:
    """No option, path or URL gets to the command line."""
    with pytest.raises(InvalidParams):
        await call(context, "run_chaos_experiment", experiment=name)


async def test_experiments_are_off_unless_enabled(reports: ReportTable) -> None:
    """The error says how to enable them."""
    services = Services(reports, ChaosPolicy(allow=False, limits=Limits()))
    jobs = JobQueue(max_running=1, max_queued=0)
    context = ToolContext(principal="local", client_id=None, jobs=jobs, services=services)
    with pytest.raises(ChaosDisabled, match="DYNOGATE_ALLOW_CHAOS"):
        await call(context, "run_chaos_experiment", experiment=NAME)
    await jobs.drain(1)


@pytest.mark.parametrize("tool", ["list_chaos_experiments", "run_chaos_experiment"])
async def test_an_installed_wheel_has_no_experiments(
    context: ToolContext, tool: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Which is what the error says."""
    installed = tmp_path / "lib" / "site-packages" / "dynogate" / "__init__.py"
    monkeypatch.setattr(dynogate, "__file__", str(installed))
    arguments = {"experiment": NAME} if tool == "run_chaos_experiment" else {}
    with pytest.raises(ChaosUnavailable, match="part of a checkout"):
        await call(context, tool, **arguments)


async def test_a_report_that_is_not_there_is_told(context: ToolContext) -> None:
    """By its id, and where there is none at all."""
    with pytest.raises(ReportNotFound, match="no chaos report 'chaos_1'"):
        await call(context, "get_chaos_report", report_id="chaos_1")
    with pytest.raises(ReportNotFound, match="no chaos report yet"):
        await call(context, "get_chaos_report")


def descendants() -> dict[int, str]:
    """The command lines of all processes that this one started, by their pids."""
    found = {}
    for process in psutil.Process().children(recursive=True):
        try:
            found[process.pid] = " ".join(process.cmdline())
        except psutil.NoSuchProcess:
            continue
    return found
