"""What a server offers: which way in it has, which MCP version it speaks, which tools it lists."""

import contextlib
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, NamedTuple

import msgspec
import requests

from dynogate.load.calls import (
    CLIENT,
    FIRST_ID,
    LEGACY,
    MODERN,
    Call,
    Transport,
    cheap_tools,
    prepare,
    prepare_method,
)
from dynogate.load.replies import last_message

_TIMEOUT_SEC = 10.0
_WEIGHTS = (3.0, 2.0, 1.0)  # of list_databases, list_views and execute_query, or what replaces them


class Reply(NamedTuple):
    """An HTTP response: status (0: there was none), headers by lower-case name, body."""

    status: int
    headers: Mapping[str, str]
    body: bytes


Ask = Callable[[str, bytes, Mapping[str, str]], Reply]
"""Sends a body with headers to a path: a POST, or a GET where the body is empty."""


def asker(host: str, headers: Mapping[str, str]) -> Ask:
    """Ask ``host``, with ``headers`` in every request; in no statistics."""
    session = requests.Session()
    session.headers.update(headers)

    def ask(path: str, body: bytes, own: Mapping[str, str]) -> Reply:
        method = "POST" if body else "GET"
        try:
            answer = session.request(
                method, f"{host}{path}", data=body or None, headers=dict(own), timeout=_TIMEOUT_SEC
            )
        except requests.RequestException as error:
            return Reply(0, {}, str(error).encode())
        found = {name.lower(): value for name, value in answer.headers.items()}
        return Reply(answer.status_code, found, answer.content)

    return ask


class NothingOffered(Exception):
    """The server is there, or not, but offers no tools in any way known here; says why."""


@dataclass(frozen=True, slots=True)
class Offer:
    """How to call a server, and what.

    Attributes:
        transport: rpc where it is a Dynogate, with ``POST /mcp/tools/call``, otherwise mcp.
        era: the MCP version to speak, for mcp.
        session: the MCP session that was opened to find out, if the server keeps sessions.
        tools: its ``tools/list``.
    """

    transport: Transport
    era: str
    session: str | None
    tools: Sequence[Mapping[str, Any]] = field(repr=False)

    def has(self, tool: str) -> bool:
        """Whether a tool of this name is listed."""
        return any(each.get("name") == tool for each in self.tools)


def find(ask: Ask) -> Offer:
    """Ask for the tools at ``/mcp/tools``, and where that is not there, by ``/mcp``.

    Raises:
        NothingOffered: neither answers with tools.
    """
    reply = ask("/mcp/tools", b"", {})
    tools = (_object(reply.body) or {}).get("tools")
    if reply.status == 200 and isinstance(tools, list):
        return Offer("rpc", MODERN, None, tools)
    try:
        return find_mcp(ask)
    except NothingOffered as error:
        raise NothingOffered(f"/mcp/tools: {_told(reply)}; {error}") from None


def find_mcp(ask: Ask) -> Offer:
    """Ask for the tools by ``/mcp``: in the modern era, or else in those of 2025.

    Raises:
        NothingOffered: it answers in neither.
    """
    tools, why = _list_tools(ask, MODERN, None)
    if tools is not None:
        return Offer("mcp", MODERN, None, tools)
    era, session = open_session(ask)
    tools, later = _list_tools(ask, era, session)
    if tools is None:
        raise NothingOffered(f"/mcp: {why}; after initialize: {later}")
    return Offer("mcp", era, session, tools)


def open_session(ask: Ask) -> tuple[str, str | None]:
    """MCP's ``initialize`` and ``initialized``: the version agreed on, and the session's id if any.

    Raises:
        NothingOffered: it is not answered with a result.
    """
    params = {"protocolVersion": LEGACY, "capabilities": {}, "clientInfo": CLIENT}
    request = prepare_method("initialize", params, "mcp", LEGACY)
    reply = ask("/mcp", request.body(FIRST_ID), request.headers)
    result = _result(reply)
    if result is None:
        raise NothingOffered(f"/mcp: {_told(reply)}")
    era, session = str(result.get("protocolVersion", LEGACY)), reply.headers.get("mcp-session-id")
    note = prepare_method("notifications/initialized", {}, "mcp", era, session)
    ask("/mcp", b'{"jsonrpc":"2.0","method":"notifications/initialized"}', note.headers)
    return era, session


def close_session(host: str, headers: Mapping[str, str]) -> None:
    """MCP's end of a session; servers may refuse it."""
    with contextlib.suppress(requests.RequestException):
        requests.delete(f"{host}/mcp", headers=dict(headers), timeout=_TIMEOUT_SEC)


def scenario(ask: Ask, offer: Offer) -> tuple[Call, ...]:
    """What an ordinary user calls: the SQL tools, or else the cheapest that only read.

    Raises:
        NothingOffered: no tool of the server can be called without knowing more about it.
    """
    if offer.has("list_databases"):
        database = _first_database(ask, offer)
        calls = _sql(database) if database else (Call("list_databases", {}, _WEIGHTS[0]),)
        return tuple(call for call in calls if offer.has(call.tool))
    names = cheap_tools(offer.tools)
    if not names:
        raise NothingOffered("no tool is read-only and callable without arguments")
    return tuple(Call(name, {}, weight) for name, weight in zip(names, _WEIGHTS, strict=False))


def _sql(database: str) -> tuple[Call, ...]:
    listing, viewing, querying = _WEIGHTS
    return (
        Call("list_databases", {}, listing),
        Call("list_views", {"database": database}, viewing),
        Call("execute_query", {"database": database, "query": "SELECT 1"}, querying),
    )


def _first_database(ask: Ask, offer: Offer) -> str | None:
    call = prepare(Call("list_databases"), offer.transport, offer.era, offer.session)
    path = "/mcp" if offer.transport == "mcp" else "/mcp/tools/call"
    result = _result(ask(path, call.body(FIRST_ID), call.headers)) or {}
    databases = (result.get("structuredContent") or {}).get("databases") or [None]
    first = databases[0]
    return first.get("name") if isinstance(first, dict) else first


def _list_tools(
    ask: Ask, era: str, session: str | None
) -> tuple[Sequence[Mapping[str, Any]] | None, str]:
    request = prepare_method("tools/list", {}, "mcp", era, session)
    reply = ask("/mcp", request.body(FIRST_ID), request.headers)
    tools = (_result(reply) or {}).get("tools")
    return (tools, "") if isinstance(tools, list) else (None, _told(reply))


def _result(reply: Reply) -> dict[str, Any] | None:
    events = reply.headers.get("content-type", "").startswith("text/event-stream")
    body = last_message(reply.body, FIRST_ID) if events else reply.body
    result = (_object(body) or {}).get("result")
    return result if isinstance(result, dict) else None


def _object(body: bytes) -> dict[str, Any] | None:
    try:
        return msgspec.json.decode(body, type=dict[str, Any])
    except (msgspec.DecodeError, UnicodeDecodeError):
        return None


def _told(reply: Reply) -> str:
    if not reply.status:
        return f"no answer ({reply.body[:200].decode(errors='replace')})"
    return f"HTTP {reply.status}: {reply.body[:120].decode(errors='replace')}"
