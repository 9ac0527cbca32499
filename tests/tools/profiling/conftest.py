"""A gateway's services without a gateway, and calls of the profiling tools on them."""

import json
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import pytest
from jsonschema import Draft202012Validator

from dynogate.jobs.queue import JobQueue
from dynogate.profiling.capture.profiler import ScaleneProfiler
from dynogate.profiling.storage import ProfileStorage
from dynogate.tools.context import Services, ToolContext
from dynogate.tools.policy import ProfilingPolicy
from dynogate.tools.profiling import toolset
from dynogate.tools.registry import FunctionTool, Registry
from tests.profiles import sample_profile

REGISTRY = Registry(toolset)

NAMES = {
    "profile_script",
    "profile_code",
    "analyze_profile",
    "get_cpu_hotspots",
    "get_memory_hotspots",
    "get_gpu_hotspots",
    "get_bottlenecks",
    "get_memory_leaks",
    "get_function_summary",
    "compare_profiles",
    "list_profiles",
    "get_profile",
}

BUSY = """\
import sys


def spin(n):
    total = 0
    for i in range(n):
        total += i * i % 7
    return total


spin(int(sys.argv[1]))
"""


@pytest.fixture(scope="module")
def root(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder with programs that may be profiled."""
    folder = tmp_path_factory.mktemp("root")
    (folder / "busy.py").write_text(BUSY)
    (folder / "quick.py").write_text("print('done')\n")
    return folder


@pytest.fixture(scope="module")
def services(root: Path) -> Services:
    """The domain objects of a gateway that lets code run."""
    return Services(
        ProfileStorage(),
        ScaleneProfiler(roots=[root]),
        ProfilingPolicy(allow_code=True, max_timeout_sec=60.0),
    )


@pytest.fixture
async def context(services: Services) -> AsyncIterator[ToolContext]:
    """What a call is given."""
    jobs = JobQueue(max_running=1, max_queued=4)
    yield ToolContext(principal="local", client_id=None, jobs=jobs, services=services)
    await jobs.drain(5.0)


@pytest.fixture(scope="module")
def stored(services: Services) -> str:
    """The id of a stored sample profile."""
    return services.get(ProfileStorage).store(sample_profile(tags=("sample",)))


async def call(context: ToolContext, name: str, **arguments: object) -> Any:
    """The output of a tool, as the gateway calls it; it must match the tool's own schema."""
    tool = REGISTRY.get(name)
    assert isinstance(tool, FunctionTool)
    result = json.loads(await tool.call(json.dumps(arguments).encode(), context))
    schema = tool.output.model_json_schema(mode="serialization")
    Draft202012Validator(schema).validate(result["structuredContent"])
    assert result["content"][0]["text"].strip()
    return result["structuredContent"]
