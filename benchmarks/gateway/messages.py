"""The bytes that a client sends to call the tool, in each of the protocols."""

import http.client
import json
from collections.abc import Mapping
from dataclasses import dataclass
from urllib.parse import urlsplit

from websockets.exceptions import InvalidStatus
from websockets.frames import Frame, Opcode
from websockets.sync.client import connect
from websockets.typing import Subprotocol

from benchmarks.gateway.apps.echo import ARGUMENTS, NAME

MODERN, SESSIONS = "2026-07-28", "2025-11-25"
SUBPROTOCOL = Subprotocol("mcp")

Headers = Mapping[str, str]
_JSON = {"Content-Type": "application/json"}
_MCP = {**_JSON, "Accept": "application/json, text/event-stream"}
_PARAMS = {"name": NAME, "arguments": ARGUMENTS}
_META = {
    "io.modelcontextprotocol/protocolVersion": MODERN,
    "io.modelcontextprotocol/clientCapabilities": {},
    "io.modelcontextprotocol/clientInfo": {"name": "bench", "version": "1"},
}


@dataclass(frozen=True, slots=True)
class Protocol:
    """How a call is put.

    Attributes:
        sessions: whether a session is opened first (``initialize``, ``initialized``).
        websocket: whether it goes over a WebSocket; else it is an HTTP POST.
    """

    path: str
    headers: Headers
    body: bytes
    sessions: bool = False
    websocket: bool = False


@dataclass(frozen=True, slots=True)
class Call:
    """The bytes of a call, whole.

    Attributes:
        request: what asks for one answer.
        opening: what opens a connection before its first request; empty where nothing does.
    """

    request: bytes
    opening: bytes = b""


def message(method: str, params: Mapping[str, object]) -> bytes:
    """A JSON-RPC request."""
    told = {"jsonrpc": "2.0", "id": 1, "method": method, "params": params}
    return json.dumps(told, separators=(",", ":")).encode()


RPC = Protocol("/mcp/tools/call", _JSON, message(NAME, ARGUMENTS))
WEBSOCKET = Protocol("/ws", {}, RPC.body, websocket=True)
MCP_MODERN = Protocol(
    "/mcp",
    {**_MCP, "MCP-Protocol-Version": MODERN, "Mcp-Method": "tools/call", "Mcp-Name": NAME},
    message("tools/call", {**_PARAMS, "_meta": _META}),
)
MCP_2025 = Protocol(
    "/mcp",
    {**_MCP, "MCP-Protocol-Version": SESSIONS},
    message("tools/call", _PARAMS),
    sessions=True,
)


class NotServed(Exception):
    """There is no such endpoint."""


def tried(url: str, protocol: Protocol, credentials: Headers, connections: int) -> list[Call]:
    """How each of ``connections`` calls the tool at ``url``; each with a session of its own, where
    there are sessions. It was done once.

    Raises:
        NotServed: the server has no such endpoint.
        RuntimeError: it did not answer with the tool's result.
    """
    headers = {**protocol.headers, **credentials}
    if protocol.websocket:
        return [_tried_websocket(url, protocol, headers)] * connections
    if protocol.sessions:
        return [_tried_session(url, protocol, headers) for _ in range(connections)]
    return [_tried_post(url, protocol, headers)] * connections


def _tried_session(url: str, protocol: Protocol, headers: Headers) -> Call:
    session = open_session(url, protocol.path, headers)
    return _tried_post(url, protocol, {**headers, **session})


def _tried_post(url: str, protocol: Protocol, headers: Headers) -> Call:
    content, _ = post(url, protocol.path, headers, protocol.body)
    _require_result(protocol, content)
    length = {"Content-Length": str(len(protocol.body))}
    return Call(_head("POST", url, protocol.path, {**headers, **length}) + protocol.body)


def _tried_websocket(url: str, protocol: Protocol, headers: Headers) -> Call:
    address = url.replace("http:", "ws:", 1) + protocol.path
    try:
        with connect(
            address, subprotocols=[SUBPROTOCOL], additional_headers=headers, compression=None
        ) as socket:
            socket.send(protocol.body, text=True)
            _require_result(protocol, str(socket.recv(timeout=30)).encode())
    except InvalidStatus as error:
        raise NotServed(f"{protocol.path}: {error}") from None
    upgrade = {
        "Connection": "Upgrade",
        "Upgrade": "websocket",
        "Sec-WebSocket-Version": "13",
        "Sec-WebSocket-Key": "AAAAAAAAAAAAAAAAAAAAAA==",
        "Sec-WebSocket-Protocol": SUBPROTOCOL,
    }
    opening = _head("GET", url, protocol.path, {**headers, **upgrade})
    return Call(Frame(Opcode.TEXT, protocol.body).serialize(mask=True), opening)


def _head(method: str, url: str, path: str, headers: Headers) -> bytes:
    lines = [f"{method} {path} HTTP/1.1", f"Host: {urlsplit(url).netloc}"]
    lines += [f"{name}: {value}" for name, value in headers.items()]
    return "\r\n".join([*lines, "", ""]).encode()


def _require_result(protocol: Protocol, content: bytes) -> None:
    if not is_result(content):
        raise RuntimeError(f"{protocol.path} answered {content[:300]!r}")


def is_result(content: bytes) -> bool:
    """Whether an answer carries the result of a tool that did not fail."""
    return b'"result":' in content and b'"isError":true' not in content


def open_session(url: str, path: str, headers: Headers) -> Headers:
    """Open a session of the 2025 era; the header that names it, where the server has any.

    Raises:
        NotServed: there is nothing at ``path``.
        RuntimeError: the server refused.
    """
    client = {"name": "bench", "version": "1"}
    params = {"protocolVersion": SESSIONS, "capabilities": {}, "clientInfo": client}
    _, answered = post(url, path, headers, message("initialize", params))
    session = answered.get("mcp-session-id")
    ours = {"Mcp-Session-Id": session} if session else {}
    done = b'{"jsonrpc":"2.0","method":"notifications/initialized"}'
    post(url, path, {**headers, **ours}, done)
    return ours


def post(
    url: str, path: str, headers: Headers, body: bytes, method: str = "POST"
) -> tuple[bytes, Headers]:
    """The answer's content and headers.

    Raises:
        NotServed: there is nothing at ``path``.
        RuntimeError: the server refused.
    """
    connection = http.client.HTTPConnection(urlsplit(url).netloc, timeout=30)
    try:
        connection.request(method, path, body, dict(headers))
        answer = connection.getresponse()
        content = answer.read()
    finally:
        connection.close()
    if answer.status == 404:
        raise NotServed(f"{path}: HTTP 404")
    if answer.status not in (200, 202, 204):
        raise RuntimeError(f"{path} answered {answer.status}: {content[:300]!r}")
    return content, {name.lower(): value for name, value in answer.getheaders()}
