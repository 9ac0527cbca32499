"""A tool that costs the gateway next to nothing, for ``DYNOGATE_TOOLSETS``."""

from benchmarks.gateway.apps.echo import Said
from dynogate.tools.context import ToolContext
from dynogate.tools.registry import Annotations, Toolset

toolset = Toolset("bench")


@toolset.tool(scope="tools:read", annotations=Annotations(read_only=True))
async def ping(ctx: ToolContext) -> Said:
    """Say that it is there."""
    return Said(said="pong")
