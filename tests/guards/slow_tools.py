"""Quick tools that are not quick; loaded by tests through DYNOGATE_TOOLSETS."""

import asyncio
import time

from pydantic import BaseModel

from dynogate.tools.context import ToolContext
from dynogate.tools.registry import Annotations, Toolset

toolset = Toolset("slow")


class Rested(BaseModel):
    """That it did."""

    rested: bool = True

    def text(self) -> str:
        return "rested"


@toolset.tool(scope="tools:read", annotations=Annotations(read_only=True, idempotent=True))
async def rest(ctx: ToolContext, *, seconds: float) -> Rested:
    """Wait without a job."""
    await asyncio.sleep(seconds)
    return Rested()


@toolset.tool(scope="tools:read", annotations=Annotations(read_only=True, idempotent=True))
async def hold(ctx: ToolContext, *, seconds: float) -> Rested:
    """Hold the event loop up, as no tool should."""
    time.sleep(seconds)
    return Rested()
