"""The tools that experiments call, loaded into the rig's gateway through DYNOGATE_TOOLSETS."""

import asyncio
import json
import os
from typing import Annotated, Any

import httpx2
from pydantic import BaseModel, Field

from dynogate.errors import UpstreamFailed
from dynogate.tools.context import ToolContext
from dynogate.tools.registry import Annotations, Toolset

toolset = Toolset("chaos")
READ = Annotations(read_only=True, idempotent=True)

UPSTREAM = "CHAOS_UPSTREAM_URL"
"""Environment variable: where the service is that ``fetch`` asks."""


class Said(BaseModel):
    """What was said."""

    said: str

    def text(self) -> str:
        """As it is."""
        return self.said


class Fetched(BaseModel):
    """What the upstream answered."""

    answer: dict[str, Any]

    def text(self) -> str:
        """As JSON."""
        return json.dumps(self.answer)


@toolset.tool(scope="tools:read", annotations=READ)
async def echo(
    ctx: ToolContext,
    *,
    size: Annotated[int, Field(description="how many characters", ge=0, le=1_000_000)] = 20,
) -> Said:
    """Answer at some length, out of nothing but memory."""
    return Said(said="x" * size)


@toolset.tool(scope="tools:read", annotations=READ)
async def nap(
    ctx: ToolContext,
    *,
    seconds: Annotated[float, Field(description="how long it takes", ge=0, le=60)],
) -> Said:
    """Answer after a while."""
    await asyncio.sleep(seconds)
    return Said(said="rested")


@toolset.tool(scope="tools:read", annotations=READ)
async def fetch(ctx: ToolContext) -> Fetched:
    """Ask the upstream for its value."""
    try:
        async with httpx2.AsyncClient(timeout=2.0) as client:
            answer = await client.get(f"{os.environ[UPSTREAM]}/value")
        return Fetched(answer=answer.raise_for_status().json())
    except httpx2.HTTPError as error:
        raise UpstreamFailed(f"the upstream failed: {type(error).__name__}") from error
