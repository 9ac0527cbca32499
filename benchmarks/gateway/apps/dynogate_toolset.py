"""The tools as a toolset of Dynogate, for ``DYNOGATE_TOOLSETS``."""

from benchmarks.gateway.apps.echo import DESCRIPTION, NAMES, Said, Say, Times
from dynogate.tools.context import ToolContext
from dynogate.tools.registry import Annotations, Handler, Toolset

toolset = Toolset("bench")


def _named(name: str) -> Handler:
    async def echo(ctx: ToolContext, *, say: Say, times: Times = 1) -> Said:
        return Said(said=say * times)

    echo.__name__ = name
    echo.__doc__ = DESCRIPTION
    return echo


for name in NAMES:
    toolset.tool(scope="tools:read", annotations=Annotations(read_only=True))(_named(name))
