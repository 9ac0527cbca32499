"""Who is measured, and what has to come out: plain data."""

from dataclasses import dataclass

from benchmarks.gateway import messages
from benchmarks.gateway.messages import Protocol
from benchmarks.gateway.servers import Server

_UVICORN = (
    *("-m", "uvicorn", "--http", "httptools", "--loop", "uvloop"),
    *("--no-access-log", "--no-server-header", "--log-level", "warning"),
)


def _dynogate(tools: int) -> Server:
    """A gateway with everything on: a key, rates (too high to bite), metrics, validation."""
    return Server(
        ("-m", "dynogate", "serve"),
        tools=tools,
        asks_for_key=True,
        env={
            "DYNOGATE_TOOLSETS": "benchmarks.gateway.apps.dynogate_toolset:toolset",
            "DYNOGATE_LOG_LEVEL": "warning",
            "DYNOGATE_RATE_LIMIT": "1000000/second;50000000/minute",
            "DYNOGATE_RATE_LIMIT_OVERALL": "1000000/second",
        },
    )


RAW = Server((*_UVICORN, "--lifespan", "off", "benchmarks.gateway.apps.raw:app"))
DYNOGATE, DYNOGATE_5, DYNOGATE_500 = _dynogate(50), _dynogate(5), _dynogate(500)
SDK = Server((*_UVICORN, "benchmarks.gateway.apps.sdk:app"), needs="mcp")
SDK_JSON = Server(SDK.command, needs="mcp", env={"BENCH_JSON": "1"})
FASTMCP = Server((*_UVICORN, "benchmarks.gateway.apps.fastmcp_server:app"), needs="fastmcp")
FASTMCP_1 = Server(FASTMCP.command, tools=1, needs="fastmcp")


@dataclass(frozen=True, slots=True)
class Subject:
    """A server asked in one protocol."""

    name: str
    server: Server
    protocol: Protocol


@dataclass(frozen=True, slots=True)
class Limit:
    """How much CPU a call of ``subject`` may take: at most ``ratio`` times that of ``against``."""

    subject: str
    against: str
    ratio: float


SUBJECTS = (
    Subject("raw", RAW, messages.RPC),
    Subject("rpc", DYNOGATE, messages.RPC),
    Subject("modern", DYNOGATE, messages.MCP_MODERN),
    Subject("2025", DYNOGATE, messages.MCP_2025),
    Subject("websocket", DYNOGATE, messages.WEBSOCKET),
    Subject("sdk-modern", SDK, messages.MCP_MODERN),
    Subject("sdk-2025", SDK, messages.MCP_2025),
    Subject("sdk-modern-json", SDK_JSON, messages.MCP_MODERN),
    Subject("sdk-2025-json", SDK_JSON, messages.MCP_2025),
    Subject("fastmcp", FASTMCP, messages.MCP_MODERN),
    Subject("fastmcp-1", FASTMCP_1, messages.MCP_MODERN),
    Subject("catalogue-5", DYNOGATE_5, messages.RPC),
    Subject("catalogue-500", DYNOGATE_500, messages.RPC),
)

# Issue "The wire": the limit is raw ASGI; the peers' cost is told the other way round there
# (at least 4 times fewer than the SDK). Of the SDK's two ways to answer, the figures it goes by are
# those of JSON in the modern era, and of event streams, its default, in the era of 2025.
LIMITS = (
    Limit("rpc", "raw", 2.5),
    Limit("modern", "raw", 2.5),
    Limit("rpc", "sdk-modern-json", 1 / 4),
    Limit("modern", "sdk-modern-json", 1 / 4),
    Limit("rpc", "fastmcp", 1 / 15),
    Limit("modern", "fastmcp", 1 / 15),
    Limit("2025", "sdk-2025", 1 / 10),
    Limit("websocket", "rpc", 1.0),
    Limit("catalogue-500", "catalogue-5", 1.05),
)
