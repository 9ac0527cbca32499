"""Meet the server before the load: is it there, what does it speak, which tools does it have."""

import asyncio
import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from time import perf_counter
from typing import Any

import aiohttp
import msgspec

from dynogate.errors import GatewayUnreachable
from dynogate.load.calls import (
    CLIENT,
    FIRST_ID,
    LEGACY,
    MODERN,
    Call,
    Prepared,
    cheapest_tool,
    prepare,
    prepare_method,
)
from dynogate.load.engines.http import session_for
from dynogate.load.engines.socket import ask, connect, shake_hands
from dynogate.load.replies import last_message
from dynogate.load.targets import Target

_LONGEST = 10.0
"""Seconds for all of it, however long a call may take later."""
_VERSION = re.compile(r"\d{4}-\d{2}-\d{2}")

_NOT_THERE = (
    aiohttp.ClientConnectorError,
    aiohttp.ClientSSLError,
    aiohttp.WSServerHandshakeError,
    aiohttp.InvalidURL,
)


@dataclass(frozen=True, slots=True)
class Meeting:
    """What the server said of itself.

    Attributes:
        target: with the MCP version that it speaks.
        tools: its ``tools/list``; empty where it offers none.
        round_trip: seconds that listing them took.
    """

    target: Target
    tools: Sequence[Mapping[str, Any]]
    round_trip: float

    def default_call(self) -> Call:
        """The cheapest read-only tool, without arguments."""
        return Call(cheapest_tool(self.tools))


async def meet(target: Target) -> Meeting:
    """Ask a server what it speaks and which tools it has.

    A server that answers anything at all has been met: whether its answers are any good is for
    the run to tell.

    Raises:
        GatewayUnreachable: no connection, a failure of TLS or DNS, or no WebSocket there.
    """
    limited = msgspec.structs.replace(target, timeout=min(target.timeout, _LONGEST))
    start = perf_counter()
    async with session_for(limited) as session:
        try:
            async with asyncio.timeout(limited.timeout):
                if target.transport == "ws":
                    return await _meet_over_socket(session, limited, target)
                return await _meet_over_http(session, limited, target)
        except _NOT_THERE as error:
            raise GatewayUnreachable(f"{target.shown}: {_reason(error)}") from error
        except (aiohttp.ClientError, OSError, ValueError):
            return Meeting(target, (), perf_counter() - start)


async def _meet_over_http(
    session: aiohttp.ClientSession, limited: Target, target: Target
) -> Meeting:
    if target.transport == "rpc":
        listed, took = await _list_tools(session, limited, None)
        if listed is None:
            listed = _tools_of(await _get(session, f"{target.base}/mcp/tools"))
        return Meeting(target, listed or (), took)
    listed, took = await _list_tools(session, limited, None)
    if listed is not None:
        return Meeting(target, listed, took)
    era, mcp_session = await start_session(session, limited)
    legacy = msgspec.structs.replace(target, era=era)
    listed, took = await _list_tools(
        session, msgspec.structs.replace(limited, era=era), mcp_session
    )
    return Meeting(legacy, listed or (), took)


async def _list_tools(
    session: aiohttp.ClientSession, target: Target, mcp_session: str | None
) -> tuple[Sequence[Mapping[str, Any]] | None, float]:
    request = prepare_method("tools/list", {}, target.transport, target.era, mcp_session)
    start = perf_counter()
    _, answer = await _post(session, target, request)
    return _tools_of(answer.get("result")), perf_counter() - start


async def start_session(session: aiohttp.ClientSession, target: Target) -> tuple[str, str | None]:
    """MCP's ``initialize`` of the 2025 eras over HTTP.

    Returns:
        The version agreed on, and the session's id, if the server keeps sessions.
    """
    params = {"protocolVersion": LEGACY, "capabilities": {}, "clientInfo": CLIENT}
    headers, answer = await _post(
        session, target, prepare_method("initialize", params, "mcp", LEGACY)
    )
    result = answer.get("result")
    version = result.get("protocolVersion") if isinstance(result, dict) else None
    era = LEGACY
    if isinstance(version, str) and _VERSION.fullmatch(version) and version < MODERN:
        era = version
    mcp_session = headers.get("Mcp-Session-Id")
    if result is not None:
        note = prepare_method("notifications/initialized", {}, "mcp", era, mcp_session)
        body = b'{"jsonrpc":"2.0","method":"notifications/initialized"}'
        async with session.post(
            target.url, data=body, headers=note.headers, allow_redirects=False
        ) as response:
            await response.read()
    return era, mcp_session


async def prepare_calls(target: Target, calls: Sequence[Call]) -> tuple[Prepared, ...]:
    """The calls as bytes; in MCP's 2025 eras, in a session that is started for them.

    Raises:
        GatewayUnreachable: the session could not be started.
    """
    mcp_session = None
    if target.transport == "mcp" and target.era < MODERN:
        try:
            async with session_for(target) as session:
                _, mcp_session = await start_session(session, target)
        except (aiohttp.ClientError, OSError) as error:
            why = f"no MCP session ({_reason(error)})"
            raise GatewayUnreachable(f"{target.shown}: {why}") from error
    return tuple(prepare(call, target.transport, target.era, mcp_session) for call in calls)


async def _meet_over_socket(
    session: aiohttp.ClientSession, limited: Target, target: Target
) -> Meeting:
    async with connect(session, limited) as stream:
        await shake_hands(stream, limited.timeout)
        start = perf_counter()
        answer = await ask(stream, "tools/list", {}, limited.timeout)
        took = perf_counter() - start
    return Meeting(target, _tools_of(answer.get("result")) or (), took)


async def _post(
    session: aiohttp.ClientSession, target: Target, request: Prepared
) -> tuple[Mapping[str, str], dict[str, Any]]:
    async with session.post(
        target.url, data=request.body(FIRST_ID), headers=request.headers, allow_redirects=False
    ) as response:
        try:
            body = await response.read()
        except aiohttp.ClientPayloadError:
            body = b""
        events = response.content_type == "text/event-stream"
        return response.headers, _decoded(last_message(body, FIRST_ID) if events else body)


async def _get(session: aiohttp.ClientSession, url: str) -> dict[str, Any]:
    async with session.get(url, allow_redirects=False) as response:
        return _decoded(await response.read())


def _decoded(body: bytes) -> dict[str, Any]:
    try:
        return msgspec.json.decode(body, type=dict[str, Any])
    except (msgspec.DecodeError, UnicodeDecodeError):
        return {}


def _tools_of(result: object) -> Sequence[Mapping[str, Any]] | None:
    listed = result.get("tools") if isinstance(result, dict) else None
    return [tool for tool in listed if isinstance(tool, dict)] if isinstance(listed, list) else None


def _reason(error: Exception) -> str:
    """What a person has to know of a failed connection."""
    if isinstance(error, aiohttp.ClientConnectorDNSError):
        return f"the host name is not known ({error.os_error})"
    if isinstance(error, aiohttp.ClientConnectorCertificateError):
        return f"the certificate is not trusted ({error.certificate_error}); see --insecure"
    if isinstance(error, aiohttp.ClientSSLError):
        return f"no TLS connection ({error})"
    if isinstance(error, aiohttp.ClientConnectorError):
        return f"no connection ({error.os_error})"
    if isinstance(error, aiohttp.WSServerHandshakeError):
        return f"no WebSocket there (HTTP {error.status})"
    return str(error) or type(error).__name__
