"""The tools that list and hand out stored profiles."""

import json
from datetime import UTC, datetime, timedelta

import pytest

from dynogate.errors import InvalidParams, ToolError
from dynogate.profiling.storage import ProfileStorage
from dynogate.tools.context import ToolContext
from tests.profiles import sample_profile, sample_raw, sample_target
from tests.tools.profiling.conftest import REGISTRY, call


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
    result = await tool.call(json.dumps({"profile_id": profile_id}).encode(), context)
    assert "KeyError: gone" in json.loads(result)["content"][0]["text"]
