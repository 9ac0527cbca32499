"""The bytes that a client sends to call the tool, in each of the protocols."""

import http.client
import json
from collections.abc import Mapping
from dataclasses import dataclass
from urllib.parse import urlsplit

from benchmarks.gateway.apps.echo import ARGUMENTS, NAME

MODERN, SESSIONS = "2026-07-28", "2025-11-25"

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
        handshake: whether a session is opened first (``initialize``, ``initialized``).
    """

    path: str
    headers: Headers
    body: bytes
    handshake: bool = False


def _call(method: str, params: Mapping[str, object]) -> bytes:
    message = {"jsonrpc": "2.0", "id": 1, "method": method, "params": params}
    return json.dumps(message, separators=(",", ":")).encode()


RPC = Protocol("/mcp/tools/call", _JSON, _call(NAME, ARGUMENTS))
MCP_MODERN = Protocol(
    "/mcp",
    {**_MCP, "MCP-Protocol-Version": MODERN, "Mcp-Method": "tools/call", "Mcp-Name": NAME},
    _call("tools/call", {**_PARAMS, "_meta": _META}),
)
MCP_2025 = Protocol(
    "/mcp",
    {**_MCP, "MCP-Protocol-Version": SESSIONS},
    _call("tools/call", _PARAMS),
    handshake=True,
)


class NotServed(Exception):
    """There is no such endpoint (404)."""


def request(url: str, protocol: Protocol, credentials: Headers) -> bytes:
    """A whole HTTP request that calls the tool at ``url``; it was tried once.

    Raises:
        NotServed: the server has no such endpoint.
        RuntimeError: it did not answer with the tool's result.
    """
    headers = {**protocol.headers, **credentials}
    if protocol.handshake:
        headers |= _open_session(url, protocol.path, headers)
    content, _ = post(url, protocol.path, headers, protocol.body)
    if not is_result(content):
        raise RuntimeError(f"{protocol.path} answered {content[:300]!r}")
    lines = [f"POST {protocol.path} HTTP/1.1", f"Host: {urlsplit(url).netloc}"]
    lines += [f"{name}: {value}" for name, value in headers.items()]
    lines += [f"Content-Length: {len(protocol.body)}", "", ""]
    return "\r\n".join(lines).encode() + protocol.body


def is_result(content: bytes) -> bool:
    """Whether an answer carries the result of a tool that did not fail."""
    return b'"result":' in content and b'"isError":true' not in content


def _open_session(url: str, path: str, headers: Headers) -> Headers:
    client = {"name": "bench", "version": "1"}
    params = {"protocolVersion": SESSIONS, "capabilities": {}, "clientInfo": client}
    _, answered = post(url, path, headers, _call("initialize", params))
    session = answered.get("mcp-session-id")
    ours = {"Mcp-Session-Id": session} if session else {}
    done = b'{"jsonrpc":"2.0","method":"notifications/initialized"}'
    post(url, path, {**headers, **ours}, done)
    return ours


def post(url: str, path: str, headers: Headers, body: bytes) -> tuple[bytes, Headers]:
    """The answer's content and headers.

    Raises:
        NotServed: there is nothing at ``path``.
        RuntimeError: the server refused.
    """
    connection = http.client.HTTPConnection(urlsplit(url).netloc, timeout=30)
    try:
        connection.request("POST", path, body, dict(headers))
        answer = connection.getresponse()
        content = answer.read()
    finally:
        connection.close()
    if answer.status == 404:
        raise NotServed(path)
    if answer.status not in (200, 202):
        raise RuntimeError(f"{path} answered {answer.status}: {content[:300]!r}")
    return content, {name.lower(): value for name, value in answer.getheaders()}
