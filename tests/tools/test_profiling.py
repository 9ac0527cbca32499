"""The twelve profiling tools: arguments in, structured reports out."""

import asyncio
import json
from collections.abc import AsyncIterator
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
from jsonschema import Draft202012Validator

from dynogate.errors import CodeExecutionDisabled, InvalidParams, ProfileNotFound, ToolError
from dynogate.jobs.queue import JobQueue
from dynogate.profiling.capture.profiler import ScaleneProfiler
from dynogate.profiling.storage import ProfileStorage
from dynogate.tools.context import Services, ToolContext
from dynogate.tools.policy import ProfilingPolicy
from dynogate.tools.profiling import toolset
from dynogate.tools.registry import Registry
from tests.profiles import SCRIPT, sample_profile, sample_raw, sample_target

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
    assert tool is not None
    output = await tool.call(json.dumps(arguments).encode(), context)
    structured = json.loads(output.model_dump_json())
    Draft202012Validator(tool.output.model_json_schema(mode="serialization")).validate(structured)
    assert output.text().strip()
    return structured


def test_there_are_the_twelve_tools() -> None:
    """Their names are fixed: others build on them."""
    assert {tool.name for tool in REGISTRY} == NAMES


@pytest.mark.parametrize("name", sorted(NAMES))
def test_every_tool_and_argument_is_described(name: str) -> None:
    """A model that reads the listing knows what each argument means."""
    tool = REGISTRY.get(name)
    assert tool is not None
    assert len(tool.description) > 100
    for argument, schema in tool.arguments.model_json_schema()["properties"].items():
        assert schema.get("description"), argument


@pytest.mark.parametrize("name", sorted(NAMES))
def test_only_tools_that_run_programs_need_the_right_to(name: str) -> None:
    """Reading a profile is another right than running code."""
    tool = REGISTRY.get(name)
    assert tool is not None
    runs = name in {"profile_script", "profile_code", "compare_profiles"}
    assert tool.scope == ("tools:execute" if runs else "tools:read")
    assert tool.long_running is runs
    assert tool.annotations.read_only is not runs


@pytest.mark.parametrize(
    "name",
    [
        "analyze_profile",
        "get_cpu_hotspots",
        "get_memory_hotspots",
        "get_gpu_hotspots",
        "get_bottlenecks",
        "get_memory_leaks",
        "get_function_summary",
        "get_profile",
    ],
)
async def test_a_stored_profile_answers(context: ToolContext, stored: str, name: str) -> None:
    """Every question needs no more than the profile's id."""
    assert (await call(context, name, profile_id=stored))["profile_id"] == stored


@pytest.mark.parametrize(
    "name",
    sorted(NAMES - {"profile_script", "profile_code", "compare_profiles", "list_profiles"}),
)
async def test_an_unknown_id_says_how_to_find_one(context: ToolContext, name: str) -> None:
    """The error leads to list_profiles."""
    with pytest.raises(ProfileNotFound, match="list_profiles shows the ids there are"):
        await call(context, name, profile_id="prof_none")


@pytest.mark.parametrize("chosen", ["full", "raw", "collapsed", "speedscope", "html"])
async def test_an_unknown_id_has_no_file(context: ToolContext, chosen: str) -> None:
    """Every format looks first whether there is a profile."""
    with pytest.raises(ProfileNotFound):
        await call(context, "get_profile", profile_id="prof_none", format=chosen)


async def test_hotspots_carry_their_place_and_source(context: ToolContext, stored: str) -> None:
    """The row of the hottest line names file, line, function and text."""
    found = await call(context, "get_cpu_hotspots", profile_id=stored, top_n=1)
    (row,) = found["hotspots"]
    assert (row["file"], row["lineno"], row["function"]) == (SCRIPT, 7, "square_sum")
    assert (row["source"], row["severity"]) == ("        total += i * i", "high")


async def test_a_question_asked_twice_is_answered_from_memory(
    context: ToolContext, stored: str
) -> None:
    """The second answer equals the first, and other profiles in between change nothing."""
    first = await call(context, "get_bottlenecks", profile_id=stored)
    storage = context.services.get(ProfileStorage)
    for _ in range(9):
        other = storage.store(sample_profile(files=()))
        assert (await call(context, "get_bottlenecks", profile_id=other))["cpu"] == []
    assert await call(context, "get_bottlenecks", profile_id=stored) == first


async def test_a_deleted_profile_answers_no_more(context: ToolContext) -> None:
    """What was worked out of a profile goes with it."""
    storage = context.services.get(ProfileStorage)
    profile_id = storage.store(sample_profile())
    await call(context, "get_cpu_hotspots", profile_id=profile_id)
    storage.delete(profile_id)
    with pytest.raises(ProfileNotFound):
        await call(context, "get_cpu_hotspots", profile_id=profile_id)


@pytest.mark.parametrize(
    ("name", "arguments", "named"),
    [
        ("get_cpu_hotspots", {"top_n": 0}, "top_n"),
        ("get_cpu_hotspots", {"top_n": 1001}, "top_n"),
        ("get_cpu_hotspots", {"threshold_percent": 101}, "threshold_percent"),
        ("analyze_profile", {"focus": "disk"}, "focus"),
        ("get_bottlenecks", {"memory_threshold_mb": -1}, "memory_threshold_mb"),
        ("get_profile", {"format": "pdf"}, "format"),
    ],
)
async def test_arguments_out_of_bounds_are_named(
    context: ToolContext, stored: str, name: str, arguments: dict[str, object], named: str
) -> None:
    """The error says which argument, before anything is looked up."""
    with pytest.raises(InvalidParams, match=named):
        await call(context, name, profile_id=stored, **arguments)


@pytest.mark.parametrize(
    ("arguments", "named"),
    [
        ({}, "'script_path' is missing"),
        ({"script_path": "busy.py", "module": "json.tool"}, "exclude each other"),
        ({"script_path": "busy.py", "timeout_seconds": 61}, "at most"),
        ({"script_path": "busy.py", "env": {"A=B": "1"}}, "env"),
        ({"script_path": "busy.py", "script_args": [1]}, "script_args"),
        ({"script_path": "busy.py", "repeat": 0}, "repeat"),
        ({"script_path": "busy.py", "tags": [""]}, "tags"),
    ],
)
async def test_a_bad_way_to_run_a_script_is_refused(
    context: ToolContext, arguments: dict[str, object], named: str
) -> None:
    """Nothing runs, and the error names the argument."""
    with pytest.raises(InvalidParams, match=named):
        await call(context, "profile_script", **arguments)


@pytest.mark.slow
async def test_a_script_is_profiled_and_stored(context: ToolContext) -> None:
    """One call runs the script with its arguments; the id it returns answers the next one."""
    made = await call(
        context, "profile_script", script_path="busy.py", script_args=["6000000"], tags=["nightly"]
    )
    assert made["summary"]["outcome"] == "completed"
    assert made["summary"]["exit_status"] == 0
    assert "busy.py" in made["text_summary"]
    found = await call(context, "get_cpu_hotspots", profile_id=made["profile_id"])
    assert found["hotspots"][0]["function"] == "spin"
    listed = await call(context, "list_profiles", tag="nightly")
    assert [row["profile_id"] for row in listed["profiles"]] == [made["profile_id"]]


@pytest.mark.slow
async def test_a_cancelled_run_keeps_what_was_seen(context: ToolContext) -> None:
    """When the caller goes away the program is stopped, and its partial profile is stored."""
    running = asyncio.Event()

    def on_progress(done: float, total: float | None, message: str) -> None:
        if done > 2:
            running.set()

    watched = replace(context, progress=on_progress)
    arguments: dict[str, object] = {"script_args": ["10000000000"], "tags": ["cancelled"]}
    task = asyncio.create_task(
        call(watched, "profile_script", script_path="busy.py", cpu_only=True, **arguments)
    )
    await running.wait()
    task.cancel()
    with pytest.raises(asyncio.CancelledError):
        await task
    (row,) = (await call(context, "list_profiles", tag="cancelled"))["profiles"]
    assert row["outcome"] == "cancelled"


@pytest.mark.slow
async def test_a_module_is_profiled(context: ToolContext) -> None:
    """As python -m runs it."""
    made = await call(
        context,
        "profile_script",
        module="busy",
        script_args=["4000000"],
        cpu_only=True,
        timeout_seconds=50,
    )
    found = await call(context, "get_cpu_hotspots", profile_id=made["profile_id"])
    assert found["hotspots"][0]["function"] == "spin"


@pytest.mark.slow
async def test_a_snippet_is_profiled(context: ToolContext) -> None:
    """Its lines appear as those of code.py."""
    code = "total = 0\nfor i in range(4_000_000):\n    total += i * i % 7\n"
    made = await call(context, "profile_code", code=code, cpu_only=True)
    found = await call(context, "get_cpu_hotspots", profile_id=made["profile_id"])
    assert found["hotspots"][0]["file"] == "code.py"
    analysed = await call(context, "analyze_profile", profile_id=made["profile_id"])
    assert analysed["memory"]["memory_profiled"] is False


@pytest.mark.slow
async def test_a_script_too_short_to_sample_says_so(context: ToolContext) -> None:
    """It is no empty success: the outcome and the text say what to do."""
    made = await call(context, "profile_script", script_path="quick.py", cpu_only=True)
    assert made["summary"]["outcome"] == "too_short"
    assert "repeat" in made["text_summary"]


async def test_snippets_are_refused_where_they_are_off(services: Services) -> None:
    """Neither running one nor running one again is possible without leave."""
    policy = ProfilingPolicy(allow_code=False, max_timeout_sec=60.0)
    storage, profiler = services.get(ProfileStorage), services.get(ScaleneProfiler)
    snippet = storage.store(sample_profile(target=sample_target(kind="code", path=None)))
    jobs = JobQueue(max_running=1, max_queued=1)
    context = ToolContext("local", None, jobs, Services(storage, profiler, policy))
    with pytest.raises(CodeExecutionDisabled, match="DYNOGATE_ALLOW_CODE"):
        await call(context, "profile_code", code="1")
    with pytest.raises(CodeExecutionDisabled, match="DYNOGATE_ALLOW_CODE"):
        await call(
            context, "compare_profiles", before_id=snippet, after_id=snippet, runs_per_side=5
        )
    await jobs.drain(1.0)


async def test_two_profiles_are_compared_without_running_anything(
    context: ToolContext, stored: str
) -> None:
    """By default the profiles alone are compared."""
    found = await call(context, "compare_profiles", before_id=stored, after_id=stored)
    assert found["basis"] == "profiles"
    assert found["verdict"] in {"no_change", "inconclusive"}


@pytest.mark.parametrize("missing", ["before_id", "after_id"])
async def test_both_sides_of_a_comparison_must_be_there(
    context: ToolContext, stored: str, missing: str
) -> None:
    """The id at fault is in the error."""
    ids = {"before_id": stored, "after_id": stored, missing: "prof_none"}
    with pytest.raises(ProfileNotFound, match="prof_none"):
        await call(context, "compare_profiles", **ids)


@pytest.mark.slow
async def test_a_comparison_can_run_both_programs_again(
    context: ToolContext, root: Path, services: Services
) -> None:
    """With runs_per_side the verdict rests on runs without the profiler."""
    path = str(root / "quick.py")
    source = (root / "quick.py").read_text()
    profile_id = services.get(ProfileStorage).store(
        sample_profile(target=sample_target(path, source=source))
    )
    found = await call(
        context,
        "compare_profiles",
        before_id=profile_id,
        after_id=profile_id,
        runs_per_side=5,
        max_runs_per_side=5,
    )
    assert found["basis"] == "reruns"


async def test_profiles_are_listed_page_by_page(context: ToolContext) -> None:
    """The cursor of one page leads to the next."""
    storage = context.services.get(ProfileStorage)
    ids = [storage.store(sample_profile(tags=("paged",))) for _ in range(3)]
    first = await call(context, "list_profiles", tag="paged", limit=2)
    second = await call(context, "list_profiles", tag="paged", limit=2, cursor=first["next_cursor"])
    rows = [*first["profiles"], *second["profiles"]]
    assert {row["profile_id"] for row in rows} == set(ids)
    assert second["next_cursor"] is None


async def test_profiles_are_found_by_time(context: ToolContext) -> None:
    """From one moment, and up to another."""
    storage = context.services.get(ProfileStorage)
    start = datetime(2031, 1, 1, tzinfo=UTC)
    ids = [
        storage.store(sample_profile(created_at=start + timedelta(hours=hour), tags=("timed",)))
        for hour in range(3)
    ]
    found = await call(
        context,
        "list_profiles",
        tag="timed",
        since=(start + timedelta(hours=1)).isoformat(),
        until="2031-01-01T02:00:00Z",
    )
    assert [row["profile_id"] for row in found["profiles"]] == [ids[1]]


async def test_the_trend_of_a_script_is_oldest_first(context: ToolContext) -> None:
    """How its time went over its history."""
    storage = context.services.get(ProfileStorage)
    start = datetime(2030, 1, 1, tzinfo=UTC)
    target = sample_target("/srv/app/trending.py")
    ids = [
        storage.store(sample_profile(target=target, created_at=start + timedelta(hours=hour)))
        for hour in range(2)
    ]
    found = await call(context, "list_profiles", script="trending.py", trend=True)
    assert [point["profile_id"] for point in found["trend"]] == ids


async def test_a_trend_needs_a_script(context: ToolContext) -> None:
    """The runs of different programs make no trend."""
    with pytest.raises(InvalidParams, match="needs 'script'"):
        await call(context, "list_profiles", trend=True)


async def test_no_profile_found_is_said(context: ToolContext) -> None:
    """An empty list tells how to make a profile."""
    assert (await call(context, "list_profiles", tag="nobody"))["profiles"] == []


async def test_a_summary_comes_without_a_file(context: ToolContext, stored: str) -> None:
    """It needs no more than the store's own row."""
    found = await call(context, "get_profile", profile_id=stored)
    assert (found["content"], found["summary"]["outcome"]) == (None, "completed")


async def test_the_raw_profile_is_scalenes_own_json(context: ToolContext, stored: str) -> None:
    """Untouched, although it is stored apart from the rest."""
    found = await call(context, "get_profile", profile_id=stored, format="raw")
    assert found["content"].encode() == sample_raw()


@pytest.mark.parametrize(
    ("chosen", "content_type", "part"),
    [
        ("full", "application/json", '"line_sampler"'),
        ("collapsed", "text/plain", "square_sum"),
        ("speedscope", "application/json", '"$schema"'),
        ("html", "text/html", "<html"),
    ],
)
async def test_a_profile_comes_as_a_file(
    context: ToolContext, stored: str, chosen: str, content_type: str, part: str
) -> None:
    """The content, its media type and a name to save it under."""
    found = await call(context, "get_profile", profile_id=stored, format=chosen)
    assert part in found["content"]
    assert found["content_type"].startswith(content_type)
    assert stored in found["file_name"]


async def test_a_profile_without_stacks_has_no_flame_graph(context: ToolContext) -> None:
    """The error says what to profile again with."""
    profile_id = context.services.get(ProfileStorage).store(sample_profile(stacks=()))
    with pytest.raises(ToolError, match="stacks=true"):
        await call(context, "get_profile", profile_id=profile_id, format="html")


async def test_a_failed_profile_names_its_error(context: ToolContext) -> None:
    """The text of a summary tells how the program ended."""
    storage = context.services.get(ProfileStorage)
    error = {"type": "KeyError", "message": "gone", "traceback": "..."}
    failed = sample_profile().summary.model_dump() | {"outcome": "failed", "error": error}
    profile_id = storage.store(sample_profile(summary=failed))
    tool = REGISTRY.get("get_profile")
    assert tool is not None
    output = await tool.call(json.dumps({"profile_id": profile_id}).encode(), context)
    assert "KeyError: gone" in output.text()
