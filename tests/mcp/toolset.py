"""Things to call, read and start with that MCP's tests need besides those of tests.toolset."""

import asyncio
from collections.abc import Hashable, Mapping
from typing import Annotated

from pydantic import BaseModel, Field

from dynogate.tools.changes import Changes, ListChanged, ResourceUpdated
from dynogate.tools.context import Services, ToolContext
from dynogate.tools.inputs import ROOTS
from dynogate.tools.prompts import PromptMessage, user_text
from dynogate.tools.registry import Annotations, Toolset
from dynogate.tools.resources import Entry, Page

toolset = Toolset("mcp-testing")
READ = Annotations(read_only=True, idempotent=True)

notes: dict[str, str] = {"one": "first", "two": "second", "three": "third"}


class Told(BaseModel):
    """What a tool has to say."""

    said: str

    def text(self) -> str:
        return self.said


@toolset.tool(scope="tools:read", annotations=READ, long_running=True)
async def chatter(
    ctx: ToolContext, *, steps: Annotated[int, Field(description="how many", ge=0, le=1000)]
) -> Told:
    """Tell of every step, and log it."""
    for step in range(1, steps + 1):
        ctx.progress(step, steps, f"step {step}")
        ctx.client.log("info", {"step": step}, "chatter")
        ctx.client.log("debug", "a detail")
        await asyncio.sleep(0)
    return Told(said=f"{steps} steps")


@toolset.tool(scope="tools:read", annotations=READ)
async def change(
    ctx: ToolContext, *, uri: Annotated[str, Field(description="what was updated")] = ""
) -> Told:
    """Announce that a resource was updated, or that the list of tools changed."""
    news = ResourceUpdated(uri) if uri else ListChanged("tools")
    ctx.services.get(Changes).announce(news)
    return Told(said="announced")


@toolset.tool(scope="tools:read", annotations=READ)
async def roots(ctx: ToolContext) -> Told:
    """Ask the client for its roots."""
    return Told(said=str(await ctx.client.ask({"roots": ROOTS})))


@toolset.tool(scope="tools:read", annotations=READ)
async def place(
    ctx: ToolContext,
    *,
    region: Annotated[
        str, Field(description="where", json_schema_extra={"x-mcp-header": "Region"})
    ] = "here",
) -> Told:
    """Say which region was asked for."""
    return Told(said=region)


@toolset.resource("test://about", mime_type="text/plain")
async def about(ctx: ToolContext) -> str:
    """What this is."""
    return "notes for tests"


@toolset.resource("test://logo", mime_type="image/png")
async def logo(ctx: ToolContext) -> bytes:
    """Bytes that are no text."""
    return b"\x89PNG"


async def _page(ctx: ToolContext, cursor: str | None) -> Page:
    names = sorted(notes)
    start = int(cursor or 0)
    entries = [Entry(f"test://notes/{name}", name, "a note") for name in names[start : start + 2]]
    return Page(entries, str(start + 2) if start + 2 < len(names) else None)


def _marker(services: Services) -> Hashable:
    return len(notes)


async def _names(ctx: ToolContext, typed: str, others: Mapping[str, str]) -> list[str]:
    return [name for name in sorted(notes) if name.startswith(typed)]


@toolset.resource(
    "test://notes/{name}",
    mime_type="text/plain",
    page=_page,
    marker=_marker,
    complete={"name": _names},
)
async def note(ctx: ToolContext, *, name: str) -> str | None:
    """One note."""
    return notes.get(name)


async def _many(ctx: ToolContext, typed: str, others: Mapping[str, str]) -> list[str]:
    return [f"{others.get('name', '')}{typed}{number}" for number in range(150)]


@toolset.prompt(complete={"name": _names, "style": _many})
async def recite(
    ctx: ToolContext,
    *,
    name: Annotated[str, Field(description="which note")],
    style: Annotated[str, Field(description="how")] = "plainly",
) -> list[PromptMessage]:
    """Have a note read out."""
    return [user_text(f"Read {name} {style}.")]


@toolset.prompt()
async def broken(ctx: ToolContext) -> list[PromptMessage]:
    """Fail by a fault of the gateway's own."""
    raise RuntimeError("secret detail")
