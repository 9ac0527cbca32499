import json
from datetime import UTC, datetime, timedelta

import pytest

from dynogate.errors import InvalidParams
from dynogate.profiling.storage import ProfileStorage
from dynogate.tools.context import Services, ToolContext
from dynogate.tools.resources import Completer, Page, Resource
from tests.profiles import sample_profile
from tests.tools.profiling.conftest import REGISTRY

PROFILE = REGISTRY.resources["profile://{id}"]
NOON = datetime(2026, 3, 1, 12, 0, tzinfo=UTC)


@pytest.fixture
def storage(services: Services) -> ProfileStorage:
    found = services.get(ProfileStorage)
    found.clear()
    return found


def store(storage: ProfileStorage, count: int) -> list[str]:
    """The ids of so many profiles, newest first."""
    made = (sample_profile(created_at=NOON + timedelta(minutes=number)) for number in range(count))
    return [storage.store(profile) for profile in made][::-1]


async def page(context: ToolContext, cursor: str | None = None) -> Page:
    assert PROFILE.page is not None
    return await PROFILE.page(context, cursor)


async def test_a_profile_is_read_by_its_uri(context: ToolContext, storage: ProfileStorage) -> None:
    """The URI of the list leads to what ran, its costliest lines and an overview."""
    [profile_id] = store(storage, 1)
    [entry] = (await page(context)).entries
    variables = PROFILE.match(entry.uri)
    assert variables == {"id": profile_id}
    read = await PROFILE.read(context, **variables)
    assert isinstance(read, str)
    card = json.loads(read)
    assert card["profile"]["profile_id"] == profile_id
    assert card["hottest_lines"][0]["lineno"] == 7
    assert card["largest_allocations"][0]["malloc_mb"] > 0
    assert "square_sum" in card["overview"]


async def test_an_unknown_profile_is_none(context: ToolContext, storage: ProfileStorage) -> None:
    """The room that serves resources knows how to say so."""
    assert await PROFILE.read(context, id="prof_unknown") is None


async def test_the_list_comes_in_pages_newest_first(
    context: ToolContext, storage: ProfileStorage
) -> None:
    """Every profile once, and what ran is told with it."""
    ids = store(storage, 130)
    first = await page(context)
    assert first.next_cursor is not None
    second = await page(context, first.next_cursor)
    assert second.next_cursor is None
    uris = [entry.uri for entry in [*first.entries, *second.entries]]
    assert uris == [f"profile://{profile_id}" for profile_id in ids]
    assert first.entries[0].name.endswith(f"({ids[0]})")
    assert first.entries[0].description.startswith("2026-03-01 14:09:00 UTC, completed")


async def test_a_made_up_cursor_is_refused(context: ToolContext, storage: ProfileStorage) -> None:
    """As the list of the tools refuses it."""
    with pytest.raises(InvalidParams):
        await page(context, "made-up")


def test_the_marker_differs_when_the_list_does(services: Services, storage: ProfileStorage) -> None:
    """After a profile came, after one went, and after one took the place of another."""
    resource: Resource = PROFILE
    assert resource.marker is not None
    seen = [resource.marker(services)]
    store(storage, 2)
    seen.append(resource.marker(services))
    storage.delete(storage.ids("", 2)[1])
    seen.append(resource.marker(services))
    storage.delete(storage.ids("", 1)[0])
    store(storage, 1)
    seen.append(resource.marker(services))
    assert len(set(seen)) == 4
    assert resource.marker(services) == seen[-1]


async def complete(completer: Completer, context: ToolContext, typed: str) -> list[str]:
    return await completer(context, typed, {})


async def test_ids_are_completed(context: ToolContext, storage: ProfileStorage) -> None:
    """Newest first, and only those that begin as typed."""
    ids = store(storage, 3)
    completer = PROFILE.complete["id"]
    assert await complete(completer, context, "") == ids
    assert await complete(completer, context, "prof_") == ids
    assert await complete(completer, context, ids[1][:-1]) == [ids[1]]
    assert await complete(completer, context, "%") == []
    assert await complete(completer, context, "\0") == []


async def test_script_paths_are_completed(context: ToolContext) -> None:
    """Within the roots that the profiler has."""
    completer = REGISTRY.prompts["find_bottleneck"].complete["script_path"]
    assert await complete(completer, context, "b") == ["busy.py"]
