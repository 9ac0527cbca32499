"""Speaks MCP to a gateway by hand, so that tests can say things that no client would."""

import json
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import Any

import httpx2

from dynogate.tls import NO_TLS
from dynogate.wire.mcp import Message, read_message

PREFIX = "io.modelcontextprotocol/"
MODERN = "2026-07-28"
BOTH = "application/json, text/event-stream"


def meta(**more: object) -> dict[str, object]:
    return {PREFIX + "protocolVersion": MODERN, PREFIX + "clientCapabilities": {}, **more}


def message(method: str, params: object = None, request_id: object = 1) -> dict[str, object]:
    body: dict[str, object] = {"jsonrpc": "2.0", "method": method}
    if request_id is not None:
        body["id"] = request_id
    if params is not None:
        body["params"] = params
    return body


def message_of(method: str, params: object) -> Message:
    """The request as the gateway reads it."""
    read = read_message(json.dumps(message(method, params)).encode())
    assert isinstance(read, Message)
    read.check_head()
    return read


def events(text: str) -> list[Any]:
    """The messages of server-sent events."""
    return [
        json.loads(line.removeprefix("data: "))
        for line in text.splitlines()
        if line.startswith("data: {")
    ]


def last_message(answer: Any) -> Any:
    """The message that an HTTP response is, or ends with."""
    is_json = answer.headers["content-type"] == "application/json"
    return answer.json() if is_json else events(answer.text)[-1]


def _client() -> httpx2.Client:
    return httpx2.Client(timeout=30, verify=NO_TLS)


@dataclass
class Speaker:
    """One client without a memory."""

    url: str
    client: httpx2.Client = field(default_factory=_client)

    def headers(self, method: str, params: dict[str, Any], **headers: str) -> dict[str, str]:
        head = {"accept": BOTH, "mcp-protocol-version": MODERN, "mcp-method": method}
        name = params.get("uri") if method == "resources/read" else params.get("name")
        if isinstance(name, str):
            head["mcp-name"] = name
        return head | {key.replace("_", "-"): value for key, value in headers.items()}

    def post(self, method: str, params: dict[str, Any] | None = None, **headers: str) -> Any:
        """Send a modern request; the HTTP response."""
        params = {"_meta": meta(), **(params or {})}
        head = self.headers(method, params, **headers)
        return self.client.post(self.url, json=message(method, params), headers=head)

    def result(self, method: str, params: dict[str, Any] | None = None) -> Any:
        """The result of a modern request that must succeed."""
        answer = self.post(method, params)
        assert answer.status_code == 200, answer.text
        return answer.json()["result"]

    def error(self, method: str, params: dict[str, Any] | None = None, **headers: str) -> Any:
        """Status and code of a modern request that must fail."""
        answer = self.post(method, params, **headers)
        return answer.status_code, answer.json()["error"]["code"]

    @contextmanager
    def listening(self, method: str, params: dict[str, Any]) -> Iterator[Iterator[Any]]:
        """A modern request answered by a stream: its messages as they come."""
        params = {"_meta": meta(), **params}
        with self.client.stream(
            "POST",
            self.url,
            json=message(method, params),
            headers=self.headers(method, params),
        ) as answer:
            assert answer.headers["content-type"] == "text/event-stream"
            yield (found for line in answer.iter_lines() for found in events(line))


@dataclass
class SessionSpeaker:
    """One client of a legacy era, in a session."""

    url: str
    version: str = "2025-11-25"
    capabilities: dict[str, object] = field(default_factory=dict)
    key: str | None = None
    session: str = ""
    client: httpx2.Client = field(default_factory=_client)

    def headers(self, **headers: str) -> dict[str, str]:
        head = {"accept": BOTH, "mcp-protocol-version": self.version}
        if self.session:
            head["mcp-session-id"] = self.session
        if self.key:
            head["authorization"] = f"Bearer {self.key}"
        return head | {name.replace("_", "-"): value for name, value in headers.items()}

    def send(self, body: object, **headers: str) -> Any:
        """POST a message; the HTTP response."""
        return self.client.post(self.url, json=body, headers=self.headers(**headers))

    def initialize(self) -> Any:
        """Begin a session; the result of initialize."""
        params = {
            "protocolVersion": self.version,
            "capabilities": self.capabilities,
            "clientInfo": {"name": "speaker", "version": "1"},
        }
        self.session = ""
        answer = self.send(message("initialize", params))
        assert answer.status_code == 200, answer.text
        self.session = answer.headers["mcp-session-id"]
        assert self.send(message("notifications/initialized", request_id=None)).status_code == 202
        return last_message(answer)["result"]

    def post(self, method: str, params: object = None, **headers: str) -> Any:
        """Send a request; the HTTP response."""
        return self.send(message(method, params), **headers)

    def result(self, method: str, params: object = None) -> Any:
        """The result of a request that must succeed."""
        answer = self.post(method, params)
        assert answer.status_code == 200, answer.text
        return last_message(answer)["result"]

    @contextmanager
    def stream(
        self, body: object = None, **headers: str
    ) -> Iterator[tuple[httpx2.Response, Iterator[str]]]:
        """The stream that answers ``body``, or a GET: the response and its lines as they come."""
        method = "GET" if body is None else "POST"
        content = None if body is None else json.dumps(body)
        head = self.headers(content_type="application/json", **headers)
        with self.client.stream(method, self.url, content=content, headers=head) as answer:
            yield answer, answer.iter_lines()


def next_id(lines: Iterator[str]) -> str:
    """The id of the next event."""
    return next(line.removeprefix("id: ") for line in lines if line.startswith("id: "))


def next_message(lines: Iterator[str]) -> Any:
    """The next message of a stream."""
    return next(found for line in lines for found in events(line))
