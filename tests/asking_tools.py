"""A tool that asks another server; loaded by tests through DYNOGATE_TOOLSETS."""

from pydantic import BaseModel, Field

from dynogate.dependencies import Dependencies
from dynogate.tools.context import ToolContext
from dynogate.tools.registry import Annotations, Toolset

toolset = Toolset("asking")


class Answered(BaseModel):
    """What the server answered."""

    status: int = Field(description="its HTTP status")

    def text(self) -> str:
        return str(self.status)


@toolset.tool(scope="tools:read", annotations=Annotations(read_only=True, idempotent=True))
async def ask(ctx: ToolContext, *, url: str) -> Answered:
    """Ask the server at a URL, as only a test may."""
    reply = await ctx.services.get(Dependencies).upstream("demo", url).get("/")
    return Answered(status=reply.status)
