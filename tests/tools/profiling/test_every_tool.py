"""What all twelve tools have in common."""

import pytest

from dynogate.errors import InvalidParams, ProfileNotFound
from dynogate.tools.context import ToolContext
from dynogate.tools.registry import FunctionTool
from tests.tools.profiling.conftest import NAMES, REGISTRY, call


def test_there_are_the_twelve_tools() -> None:
    """Their names are fixed: others build on them."""
    assert {tool.name for tool in REGISTRY} == NAMES


@pytest.mark.parametrize("name", sorted(NAMES))
def test_every_tool_and_argument_is_described(name: str) -> None:
    """A model that reads the listing knows what each argument means."""
    tool = REGISTRY.get(name)
    assert tool is not None
    assert len(tool.description) > 100
    for argument, schema in tool.input_schema()["properties"].items():
        assert schema.get("description"), argument


@pytest.mark.parametrize("name", sorted(NAMES))
def test_only_tools_that_run_programs_need_the_right_to(name: str) -> None:
    """Reading a profile is another right than running code."""
    tool = REGISTRY.get(name)
    assert isinstance(tool, FunctionTool)
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
