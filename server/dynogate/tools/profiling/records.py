"""Tools that find stored profiles and hand them out."""

import asyncio
from datetime import datetime
from typing import Annotated, Literal

from pydantic import Field

from dynogate.profiling.export import export_profile
from dynogate.profiling.models import Model
from dynogate.profiling.storage import ProfileStorage
from dynogate.profiling.stored import StoredProfile, TrendPoint
from dynogate.profiling.text import Column, clip, mb, seconds, table
from dynogate.tools.context import ToolContext
from dynogate.tools.profiling.family import (
    READ,
    ProfileId,
    load,
    load_with_raw,
    not_found,
    toolset,
)
from dynogate.tools.registry import invalid

MAX_CONTENT_BYTES = 16 * 2**20
"""Largest export that a call returns."""

Format = Literal["summary", "full", "raw", "collapsed", "speedscope", "html"]

_PREVIEW_LINES = 40


class ProfileList(Model):
    """A page of stored profiles."""

    profiles: tuple[StoredProfile, ...] = Field(description="Newest first.")
    next_cursor: str | None = Field(
        description="Give it as cursor for the next page; null on the last."
    )
    total: int | None = Field(description="How many there are; null where a filter was given.")
    trend: tuple[TrendPoint, ...] | None = Field(
        description="The newest 200 runs of the script, oldest first; null unless asked for."
    )

    def text(self) -> str:
        """The profiles as a table, then the trend."""
        if not self.profiles:
            return "No stored profile matches. profile_script and profile_code make one."
        columns: tuple[Column, ...] = (
            ("profile_id", "<"),
            ("created", "<"),
            ("outcome", "<"),
            ("elapsed", ">"),
            ("cpu", ">"),
            ("memory", ">"),
            ("script", "<"),
        )
        rows = (
            (
                row.profile_id,
                f"{row.created_at:%Y-%m-%d %H:%M:%S}",
                row.outcome,
                seconds(row.elapsed_time_sec),
                seconds(row.cpu_time_sec),
                mb(row.max_footprint_mb),
                clip(row.script),
            )
            for row in self.profiles
        )
        lines = table(columns, rows, total=len(self.profiles))
        if self.next_cursor:
            lines.append(f"more with cursor={self.next_cursor}")
        return "\n".join([*lines, *self._trend_lines()])

    def _trend_lines(self) -> list[str]:
        if not self.trend:
            return []
        columns: tuple[Column, ...] = (
            ("trend", "<"), ("elapsed", ">"), ("cpu", ">"), ("memory", ">"),
        )  # fmt: skip
        rows = (
            (
                f"{point.created_at:%Y-%m-%d %H:%M:%S}",
                seconds(point.elapsed_time_sec),
                seconds(point.cpu_time_sec),
                mb(point.max_footprint_mb),
            )
            for point in self.trend[-20:]
        )
        return ["", *table(columns, rows)]


class ProfileFile(Model):
    """A stored profile in one format."""

    profile_id: str = Field(description="The profile.")
    format: Format = Field(description="What was asked for.")
    summary: StoredProfile = Field(description="What is known of the profile without opening it.")
    content: str | None = Field(description="The file's text; null for summary.")
    content_type: str | None = Field(description="Its media type; null for summary.")
    file_name: str | None = Field(description="A name to save it under; null for summary.")

    def text(self) -> str:
        """The summary, and the beginning of what can be read line by line."""
        row = self.summary
        head = (
            f"{row.profile_id}: {row.script}, {row.outcome} after {seconds(row.elapsed_time_sec)}, "
            f"{seconds(row.cpu_time_sec)} of CPU time, at most {mb(row.max_footprint_mb)}"
        )
        lines = [head] if row.error is None else [head, clip(row.error, 200)]
        if self.content is None:
            return "\n".join(lines)
        lines.append(
            f"{self.format} ({self.content_type}, {len(self.content):,} characters) is in "
            f"structuredContent.content; save it as {self.file_name}"
        )
        if self.format == "collapsed":
            lines += [clip(line, 200) for line in self.content.splitlines()[:_PREVIEW_LINES]]
        return "\n".join(lines)


@toolset.tool(scope="tools:read", annotations=READ)
async def list_profiles(
    ctx: ToolContext,
    *,
    script: Annotated[
        str | None,
        Field(
            description="Only runs of this script (path or bare file name), module, or '<code>'.",
            max_length=4096,
        ),
    ] = None,
    tag: Annotated[
        str | None, Field(description="Only profiles with this tag.", max_length=64)
    ] = None,
    since: Annotated[
        datetime | None, Field(description="Only profiles made then or later (ISO 8601).")
    ] = None,
    until: Annotated[
        datetime | None, Field(description="Only profiles made before (ISO 8601).")
    ] = None,
    cursor: Annotated[
        str | None,
        Field(description="next_cursor of the page before, with the same filters.", max_length=500),
    ] = None,
    limit: Annotated[int, Field(description="Profiles on a page.", ge=1, le=1000)] = 50,
    trend: Annotated[
        bool,
        Field(description="Also tell how the script's time and memory went; needs script."),
    ] = False,
) -> ProfileList:
    """List stored profiles, newest first, a page at a time.

    Use it to find a profile_id, or with trend to see how a script's runs went over time. Returns
    for each profile when and what ran, how it ended, its time and memory, and next_cursor where
    there are more.
    """
    if trend and script is None:
        raise invalid("list_profiles", "trend", "needs 'script': a trend is that of one script")
    storage = ctx.services.get(ProfileStorage)

    def find() -> ProfileList:
        page = storage.list(
            script=script, tag=tag, since=since, until=until, cursor=cursor, limit=limit
        )
        return ProfileList(
            profiles=page.profiles,
            next_cursor=page.next_cursor,
            total=page.total,
            trend=storage.trend(script) if trend and script is not None else None,
        )

    return await asyncio.to_thread(find)


@toolset.tool(scope="tools:read", annotations=READ)
async def get_profile(
    ctx: ToolContext,
    *,
    profile_id: ProfileId,
    format: Annotated[  # noqa: A002  (the argument's public name)
        Format,
        Field(
            description="summary; full (the whole profile as JSON); raw (Scalene's own JSON); "
            "collapsed (folded stacks); speedscope (JSON for speedscope.app); html (a page with "
            "a flame graph)."
        ),
    ] = "summary",
) -> ProfileFile:
    """Fetch a stored profile: its summary, or the whole of it as a file of another format.

    Use the analysis tools to understand a profile; use this to keep it, or to open it in another
    program. Files come as text in structuredContent.content, with a media type and a name.
    """
    storage = ctx.services.get(ProfileStorage)
    return await asyncio.to_thread(_fetch, storage, profile_id, format)


def _fetch(storage: ProfileStorage, profile_id: str, chosen: Format) -> ProfileFile:
    summary = storage.summary(profile_id)
    if summary is None:
        raise not_found(profile_id)
    if chosen == "summary":
        return ProfileFile(
            profile_id=profile_id,
            format=chosen,
            summary=summary,
            content=None,
            content_type=None,
            file_name=None,
        )
    profile = (load_with_raw if chosen == "raw" else load)(storage, profile_id)
    export = export_profile(profile, chosen, max_bytes=MAX_CONTENT_BYTES)
    return ProfileFile(
        profile_id=profile_id,
        format=chosen,
        summary=summary,
        content=export.content.decode("utf-8", "replace"),
        content_type=export.content_type,
        file_name=export.file_name,
    )
