"""The tools that experiments call, loaded into the rig's gateway through DYNOGATE_TOOLSETS."""

import asyncio
import functools
import json
import os
import uuid
from typing import Annotated, Any

from pydantic import BaseModel, Field

from dynogate.resilience.http import Upstream
from dynogate.resilience.policy import Policy
from dynogate.tools.context import ToolContext
from dynogate.tools.registry import Annotations, Toolset

toolset = Toolset("chaos")
READ = Annotations(read_only=True, idempotent=True)

UPSTREAM = "CHAOS_UPSTREAM_URL"
"""Environment variable: where the service is that tools ask."""
GUARDED = Policy(timeout_sec=2.0, retries=3, failures=5, recovery_sec=2.0)
STUBBORN = Policy(timeout_sec=5.0, retries=3, failures=1_000_000, recovery_sec=1.0)


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
    """Read the upstream's value: within two seconds, and not while it is down."""
    return await _value(GUARDED)


@toolset.tool(scope="tools:read", annotations=READ)
async def fetch_again(ctx: ToolContext) -> Fetched:
    """Read the upstream's value in four attempts; its circuit never opens."""
    return await _value(STUBBORN)


@toolset.tool(scope="tools:execute", annotations=Annotations(read_only=False))
async def order(ctx: ToolContext) -> Fetched:
    """Place an order, which done twice is not as good as done once."""
    reply = await _upstream(STUBBORN).request("POST", f"/orders/{uuid.uuid4().hex}")
    return Fetched(answer=reply.json())


async def _value(policy: Policy) -> Fetched:
    reply = await _upstream(policy).get("/value")
    return Fetched(answer=reply.json())


@functools.cache
def _upstream(policy: Policy) -> Upstream:
    return Upstream("upstream", os.environ[UPSTREAM], policy)
