"""What the server says of itself, and how a session begins."""

from typing import Any

import msgspec

from dynogate import __version__
from dynogate.errors import InvalidParams, InvalidRequest
from dynogate.gateway import Gateway
from dynogate.mcp.exchange import Request, read_params
from dynogate.mcp.method import Method
from dynogate.mcp.session import Session
from dynogate.wire.mcp import LEGACY, SUPPORTED, TASKS_EXTENSION, LogLevel, encode

INFO = {"name": "dynogate", "title": "Dynogate", "version": __version__}
INSTRUCTIONS = (
    "Dynogate measures programs. Profile a script or a snippet first; then ask for hot lines, "
    "bottlenecks or leaks by the profile_id of the answer. Compare two scripts before saying that "
    "one is faster. Programs run only below the gateway's allowed roots."
)

DISCOVERY_TTL_MS = 300_000
_MAX_INITIALIZE = 16_384  # a session remembers of it


def capabilities(gateway: Gateway) -> dict[str, dict[str, object]]:
    """What this gateway offers, in the words of MCP."""
    registry = gateway.registry
    found: dict[str, dict[str, object]] = {"logging": {}, "tools": {"listChanged": True}}
    if registry.resources:
        found["resources"] = {"subscribe": True, "listChanged": True}
    if registry.prompts:
        found["prompts"] = {"listChanged": True}
    if registry.resources or registry.prompts:
        found["completions"] = {}
    return found


class _Initialize(msgspec.Struct, rename="camel"):
    protocol_version: str
    capabilities: dict[str, Any] = {}


class _SetLevel(msgspec.Struct):
    level: LogLevel


def methods(gateway: Gateway) -> list[Method]:
    """Those that are about the server and its session."""
    told = capabilities(gateway)
    discovery = encode(
        {
            "supportedVersions": list(SUPPORTED),
            "capabilities": {**told, "extensions": {TASKS_EXTENSION: {}}},
            "instructions": INSTRUCTIONS,
        }
    )

    async def discover(request: Request) -> bytes:
        return discovery

    async def initialize(request: Request) -> bytes:
        session = session_of(request)
        if len(request.message.params) > _MAX_INITIALIZE:
            raise InvalidParams(f"initialize: 'params' has more than {_MAX_INITIALIZE} bytes")
        asked = read_params(request, _Initialize)
        session.version = asked.protocol_version if asked.protocol_version in LEGACY else LEGACY[0]
        session.capabilities = asked.capabilities
        return encode(
            {
                "protocolVersion": session.version,
                "capabilities": told,
                "serverInfo": INFO,
                "instructions": INSTRUCTIONS,
            }
        )

    async def ping(request: Request) -> bytes:
        return b"{}"

    async def set_level(request: Request) -> bytes:
        session_of(request).log_level = read_params(request, _SetLevel).level
        return b"{}"

    return [
        Method(
            name="server/discover",
            serve=discover,
            legacy=False,
            ttl_ms=DISCOVERY_TTL_MS,
            cache_scope="public",
        ),
        Method(name="initialize", serve=initialize, modern=False),
        Method(name="ping", serve=ping, modern=False),
        Method(name="logging/setLevel", serve=set_level, modern=False),
    ]


def session_of(request: Request) -> Session:
    """The session that ``request`` belongs to.

    Raises:
        InvalidRequest: it belongs to none.
    """
    if request.session is None:
        raise InvalidRequest(f"{request.message.method} needs a session: send initialize first")
    return request.session
