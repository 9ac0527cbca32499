"""Whatever is sent to the application: never a 500, never a traceback, never half an answer."""

import asyncio
import itertools
import json
from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import Any

import pytest
from hypothesis import HealthCheck, example, given, settings
from hypothesis import strategies as st
from starlette.applications import Starlette

from dynogate.app import build_app
from dynogate.settings import load_settings
from tests.hostile import bodies, encoded, headers
from tests.mcp.speaker import BOTH, message, meta

PATHS = ("/mcp/tools/call", "/mcp", "/mcp", "/mcp/tools", "/status", "/health/ready", "/nowhere")
HANGS_UP_SEC = 0.03  # then the client of a stream has seen enough
ANSWER_SEC = 20.0  # longest that anything here may take; nothing of it runs a program

CALL = encoded(message("tools/call", {"name": "echo", "arguments": {"say": "x"}}))

Fields = list[tuple[bytes, bytes]]


@dataclass
class Answer:
    """What the application sent."""

    status: int = 0
    headers: dict[bytes, bytes] = field(default_factory=dict)
    body: bytes = b""
    is_whole: bool = False


@dataclass
class Asker:
    """Asks the application as the server would (ASGI), on a loop that stays."""

    app: Starlette
    runner: asyncio.Runner
    session: bytes = b""

    def ask(self, method: str, path: str, fields: Fields, chunks: list[bytes]) -> Answer:
        async def bounded() -> Answer:
            async with asyncio.timeout(ANSWER_SEC):
                return await self._ask(method, path, fields, chunks)

        return self.runner.run(bounded())

    async def _ask(self, method: str, path: str, fields: Fields, chunks: list[bytes]) -> Answer:
        scope = {
            "type": "http", "asgi": {"version": "3.0"}, "http_version": "1.1", "method": method,
            "scheme": "http", "path": path, "raw_path": path.encode(), "query_string": b"",
            "root_path": "", "headers": fields, "client": ("127.0.0.1", 1), "state": {},
            "server": ("127.0.0.1", 8000), "extensions": {},
        }  # fmt: skip
        left, answer = list(chunks), Answer()

        async def receive() -> dict[str, Any]:
            if left:
                body = left.pop(0)
                return {"type": "http.request", "body": body, "more_body": bool(left)}
            if not answer.is_whole:
                await asyncio.sleep(HANGS_UP_SEC)
            return {"type": "http.disconnect"}

        async def send(sent: dict[str, Any]) -> None:
            if sent["type"] == "http.response.start":
                assert not answer.status, "two answers"
                answer.status = sent["status"]
                answer.headers = dict(sent["headers"])
            else:
                answer.body += sent.get("body", b"")
                answer.is_whole = not sent.get("more_body", False)

        await self.app(scope, receive, send)  # type: ignore[arg-type]
        return answer


@pytest.fixture(scope="module")
def asker(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Asker]:
    """The application with the tests' toys, and a session of it."""
    folder = tmp_path_factory.mktemp("data")
    toys = {"toolsets": "tests.toolset:toolset", "rate_limit": "off"}
    app = build_app(load_settings(data_dir=folder, **toys))
    with asyncio.Runner() as runner:
        lifespan = app.router.lifespan_context(app)
        runner.run(lifespan.__aenter__())
        asker = Asker(app, runner)
        params = {"protocolVersion": "2025-11-25", "capabilities": {}, "clientInfo": {"name": "x"}}
        params["clientInfo"] = {"name": "fuzz", "version": "1"}
        opened = asker.ask("POST", "/mcp", good(), [encoded(message("initialize", params))])
        asker.session = opened.headers[b"mcp-session-id"]
        yield asker
        runner.run(lifespan.__aexit__(None, None, None))


def good(*more: tuple[bytes, bytes]) -> Fields:
    """Headers with which nothing is wrong."""
    told = [(b"host", b"127.0.0.1"), (b"content-type", b"application/json")]
    return [*told, (b"accept", BOTH.encode()), *more]


def check(answer: Answer) -> None:
    """See that it is an answer of a gateway that knows what it does."""
    if not answer.status:
        return  # the client hung up first
    assert answer.status != 500
    assert b"Traceback (most recent" not in answer.body
    assert b"x-request-id" in answer.headers
    if answer.headers.get(b"content-type") == b"application/json" and answer.is_whole:
        told = json.loads(answer.body, parse_constant=_no_constant)
        for one in told if isinstance(told, list) else [told]:
            if "jsonrpc" in one:
                _check_response(one)


def _check_response(told: dict[str, Any]) -> None:
    assert told["jsonrpc"] == "2.0"
    assert "id" in told
    assert ("result" in told) != ("error" in told)
    if "error" in told:
        assert told["error"]["code"] != -32603, told
        assert isinstance(told["error"]["message"], str)


def _no_constant(name: str) -> None:
    raise AssertionError(f"{name} is not JSON")


relaxed = settings(
    max_examples=100,
    deadline=None,
    suppress_health_check=[HealthCheck.too_slow, HealthCheck.function_scoped_fixture],
)


@relaxed
@given(
    path=st.sampled_from(PATHS),
    body=bodies,
    cuts=st.lists(st.integers(0, 200), max_size=2),
    more=headers,
    is_of_session=st.booleans(),
)
def test_any_post_is_answered(
    asker: Asker, path: str, body: bytes, cuts: list[int], more: Fields, is_of_session: bool
) -> None:
    """Bodies in any pieces, with headers that may contradict them and each other."""
    edges = [0, *sorted(min(cut, len(body)) for cut in cuts), len(body)]
    chunks = [body[start:end] for start, end in itertools.pairwise(edges)]
    session = [(b"mcp-session-id", asker.session)] if is_of_session else []
    check(asker.ask("POST", path, good(*session, *more), chunks))


@relaxed
@given(body=bodies, modern=st.booleans())
@example(body=CALL, modern=True)
def test_any_message_with_good_headers_is_answered(asker: Asker, body: bytes, modern: bool) -> None:
    """In a session, and standing alone with headers that say what the body says."""
    fields = [(b"mcp-session-id", asker.session)]
    if modern:
        try:
            told = json.loads(body)
            told["params"]["_meta"] = meta()
            method, name = told["method"].encode(), told["params"].get("name", "x").encode()
        except (ValueError, TypeError, KeyError, AttributeError, RecursionError):
            method = name = b"echo"
        else:
            body = encoded(told)
        version = (b"mcp-protocol-version", b"2026-07-28")
        fields = [version, (b"mcp-method", method), (b"mcp-name", name)]
    check(asker.ask("POST", "/mcp", good(*fields), [body]))


@relaxed
@given(
    method=st.sampled_from(("GET", "HEAD", "PUT", "DELETE", "OPTIONS", "PATCH", "TRACE")),
    path=st.sampled_from(PATHS) | st.text(max_size=12).map(lambda text: f"/{text}"),
    more=headers,
)
def test_any_other_request_is_answered(asker: Asker, method: str, path: str, more: Fields) -> None:
    """Streams included."""
    check(asker.ask(method, path, good(*more), [b""]))


def test_nothing_of_it_is_left(asker: Asker) -> None:
    """After all of it the loop has no more tasks than before the first request."""

    async def tasks() -> set[str]:
        await asyncio.sleep(0.1)
        return {str(task.get_coro()) for task in asyncio.all_tasks()}

    left = {name for name in asker.runner.run(tasks()) if "while_connected" in name}
    assert left == set()
