"""The tools in the official SDK's MCPServer: both eras, without sessions.

Answers are event streams, as they are by default, unless ``BENCH_JSON`` is set.
"""

import os

from mcp.server import MCPServer  # type: ignore[import-not-found, unused-ignore]

from benchmarks.gateway.apps.echo import DESCRIPTION, NAMES, Said, Say, Times


async def _echo(say: Say, times: Times = 1) -> Said:
    return Said(said=say * times)


server = MCPServer("bench", log_level="WARNING")
for name in NAMES:
    server.add_tool(_echo, name=name, description=DESCRIPTION)
app = server.streamable_http_app(
    stateless_http=True, json_response=bool(os.environ.get("BENCH_JSON"))
)
