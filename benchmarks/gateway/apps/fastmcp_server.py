"""The tools in FastMCP: without sessions, answers as JSON."""

from fastmcp import FastMCP  # type: ignore[import-not-found, unused-ignore]
from fastmcp.tools import Tool  # type: ignore[import-not-found, unused-ignore]

from benchmarks.gateway.apps.echo import DESCRIPTION, NAMES, Said, Say, Times


async def _echo(say: Say, times: Times = 1) -> Said:
    return Said(said=say * times)


server = FastMCP(
    "bench", tools=[Tool.from_function(_echo, name=n, description=DESCRIPTION) for n in NAMES]
)
app = server.http_app(stateless_http=True, json_response=True)
