"""A gateway's services without a gateway, and calls of the load tools on them."""

import json
from collections.abc import AsyncIterator, Iterator
from pathlib import Path
from typing import Any

import pytest
from jsonschema import Draft202012Validator

from dynogate.jobs.limits import Limits
from dynogate.jobs.queue import JobQueue
from dynogate.load.allowed import AllowedTargets
from dynogate.load.plan import Bounds
from dynogate.load.storage import LoadReportStorage
from dynogate.load.supervised import LoadRunner
from dynogate.store.database import Database
from dynogate.tools.context import Services, ToolContext
from dynogate.tools.load import toolset
from dynogate.tools.registry import FunctionTool, Registry
from tests.load.servers import Served, good

REGISTRY = Registry(toolset)
NAMES = {"run_load_test", "get_load_report", "list_load_reports", "compare_load_reports"}


@pytest.fixture(scope="module")
def server() -> Iterator[Served]:
    """A server to load."""
    with good() as served:
        yield served


@pytest.fixture
def storage(tmp_path: Path) -> Iterator[LoadReportStorage]:
    """An empty store."""
    database = Database(f"sqlite:///{tmp_path / 'store.db'}")
    database.migrate()
    yield LoadReportStorage(database)
    database.close()


@pytest.fixture
async def context(storage: LoadReportStorage) -> AsyncIterator[ToolContext]:
    """What a call is given."""
    bounds = Bounds(max_rate=100, max_connections=20, max_duration_sec=30, max_calls=2000)
    runner = LoadRunner(allowed=AllowedTargets(), bounds=bounds, limits=Limits())
    jobs = JobQueue(max_running=1, max_queued=4)
    yield ToolContext("local", None, jobs, Services(storage, runner))
    await jobs.drain(5.0)


async def answer(context: ToolContext, name: str, **arguments: object) -> Any:
    """A tool's whole result, as the gateway has it; it must match the tool's own schema."""
    tool = REGISTRY.get(name)
    assert isinstance(tool, FunctionTool)
    result = json.loads(await tool.call(json.dumps(arguments).encode(), context))
    schema = tool.output.model_json_schema(mode="serialization")
    Draft202012Validator(schema).validate(result["structuredContent"])
    return result


async def call(context: ToolContext, name: str, **arguments: object) -> Any:
    """The data of a tool's result."""
    return (await answer(context, name, **arguments))["structuredContent"]
