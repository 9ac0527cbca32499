"""The same things as tests.mcp.toolset and tests.toolset have, in the official SDK's server."""

from typing import Annotated, Any, Literal

from mcp.server.mcpserver import Context, MCPServer
from pydantic import BaseModel, Field
from starlette.applications import Starlette

server: MCPServer[Any] = MCPServer("oracle", version="1")


class Echo(BaseModel):
    said: str
    times: int


@server.tool()
async def echo(
    say: Annotated[str, Field(description="what to say", max_length=100)],
    times: Annotated[int, Field(description="how often", ge=1, le=5)] = 1,
    mood: Annotated[Literal["calm", "loud"], Field(description="how")] = "calm",
) -> Echo:
    """Say something back."""
    return Echo(said=say, times=times)


@server.tool()
async def crash() -> Echo:
    """Fail by a fault."""
    raise RuntimeError("secret detail")


@server.tool()
async def chatter(steps: int, ctx: Context[Any, Any]) -> str:
    """Tell of every step, and log it."""
    for step in range(1, steps + 1):
        await ctx.report_progress(step, steps, f"step {step}")
    return f"{steps} steps"


@server.resource("test://about", mime_type="text/plain")
def about() -> str:
    """What this is."""
    return "notes for tests"


@server.resource("test://notes/{name}", mime_type="text/plain")
def note(name: str) -> str:
    """One note."""
    return {"one": "first", "two": "second", "three": "third"}[name]


@server.prompt()
def recite(name: str, style: str = "plainly") -> str:
    """Have a note read out."""
    return f"Read {name} {style}."


def app() -> Starlette:
    """The SDK's server over Streamable HTTP, in both eras."""
    return server.streamable_http_app()
