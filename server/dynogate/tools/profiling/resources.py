"""Stored profiles as resources, and what their ids and the paths of scripts may become."""

import asyncio
from collections.abc import Hashable, Mapping

from pydantic import Field

from dynogate.profiling.capture.profiler import ScaleneProfiler
from dynogate.profiling.capture.typed_paths import typed_scripts
from dynogate.profiling.models import Model
from dynogate.profiling.storage import ProfileStorage
from dynogate.profiling.stored import StoredLine, StoredProfile
from dynogate.tools.context import Services, ToolContext
from dynogate.tools.profiling.family import analyzer_of, load, toolset
from dynogate.tools.resources import Entry, Page

_PAGE = 100
_LINES = 20


class ProfileCard(Model):
    """What a reader should know of a profile before asking the tools about it."""

    profile: StoredProfile
    overview: str = Field(description="How it ran, its hottest lines and largest allocations.")
    hottest_lines: tuple[StoredLine, ...] = Field(description="By CPU time, 20 at most.")
    largest_allocations: tuple[StoredLine, ...] = Field(description="By MB allocated, 20 at most.")


async def complete_profile_id(ctx: ToolContext, typed: str, given: Mapping[str, str]) -> list[str]:
    """Ids of stored profiles that begin so, newest first."""
    storage = ctx.services.get(ProfileStorage)
    return list(await asyncio.to_thread(storage.ids, typed, _PAGE + 1))


async def complete_script(ctx: ToolContext, typed: str, given: Mapping[str, str]) -> list[str]:
    """Scripts and folders within the roots."""
    roots = ctx.services.get(ScaleneProfiler).roots
    return await asyncio.to_thread(typed_scripts, typed, roots)


async def _page(ctx: ToolContext, cursor: str | None) -> Page:
    storage = ctx.services.get(ProfileStorage)
    found = await asyncio.to_thread(storage.list, cursor=cursor, limit=_PAGE)
    return Page([_entry(row) for row in found.profiles], found.next_cursor)


def _entry(row: StoredProfile) -> Entry:
    told = [f"{row.created_at:%Y-%m-%d %H:%M:%S} UTC", row.outcome, f"{row.elapsed_time_sec:.2f} s"]
    return Entry(
        uri=f"profile://{row.profile_id}",
        name=f"{row.script} ({row.profile_id})",
        description=", ".join([*told, *row.tags]),
    )


def _marker(services: Services) -> Hashable:
    """The newest profile and how many there are: one comes first, the oldest go."""
    storage = services.get(ProfileStorage)
    return storage.count(), *storage.ids("", 1)


@toolset.resource(
    "profile://{id}",
    mime_type="application/json",
    page=_page,
    marker=_marker,
    complete={"id": complete_profile_id},
)
async def profile(ctx: ToolContext, *, id: str) -> str | None:  # noqa: A002  (the template's name)
    """A stored profile: what ran, how it ended, its costliest lines, and an overview as text."""
    storage = ctx.services.get(ProfileStorage)

    def read() -> str | None:
        row = storage.summary(id)
        if row is None:
            return None
        return ProfileCard(
            profile=row,
            overview=analyzer_of(id, load(storage, id)).overview(),
            hottest_lines=storage.lines(id, "cpu", _LINES),
            largest_allocations=storage.lines(id, "malloc", _LINES),
        ).model_dump_json()

    return await asyncio.to_thread(read)
