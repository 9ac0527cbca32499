"""What /mcp answers to those who mean harm, or do not know better; and that it serves on."""

import base64
import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from dynogate.app import build_app, open_database
from dynogate.settings import load_settings
from dynogate.store.keys import KeyTable
from tests.live import Live, in_process
from tests.mcp.speaker import BOTH, MODERN, PREFIX, SessionSpeaker, Speaker, message, meta

ECHO: dict[str, Any] = {"name": "echo", "arguments": {"say": "hi"}, "_meta": meta()}
HEADERS = [
    ("accept", BOTH),
    ("content-type", "application/json"),
    ("mcp-protocol-version", MODERN),
    ("mcp-method", "tools/call"),
    ("mcp-name", "echo"),
]


@pytest.fixture(autouse=True)
def still_serves(speaker: Speaker) -> Iterator[None]:
    """Whatever a test sent, the next one is served."""
    yield
    assert speaker.result("tools/call", ECHO)["isError"] is False


def wrapped(text: str) -> str:
    return f"=?base64?{base64.b64encode(text.encode()).decode()}?="


def raw(speaker: Speaker, headers: list[tuple[str, str]], body: bytes | None = None) -> Any:
    content = json.dumps(message("tools/call", ECHO)).encode() if body is None else body
    return speaker.client.post(speaker.url, content=content, headers=headers)


@pytest.mark.parametrize("name", ["mcp-protocol-version", "mcp-method", "mcp-name"])
def test_a_missing_header_is_refused(speaker: Speaker, name: str) -> None:
    """One that repeats what the body says; proxies may have read it."""
    answer = raw(speaker, [header for header in HEADERS if header[0] != name])
    assert (answer.status_code, answer.json()["error"]["code"]) == (400, -32020)
    assert answer.json()["id"] == 1


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("mcp-method", "tools/list"),
        ("mcp-method", "Tools/Call"),
        ("mcp-name", "Echo"),
        ("mcp-name", "echo, wait"),
        ("mcp-name", wrapped("wait")),
        ("mcp-name", "=?base64?!?="),
        ("mcp-name", "=?base64?/w==?="),
        ("mcp-protocol-version", "2025-11-25"),
    ],
)
def test_a_header_that_differs_is_refused(speaker: Speaker, name: str, value: str) -> None:
    """However it is written."""
    answer = raw(speaker, [each for each in HEADERS if each[0] != name] + [(name, value)])
    assert (answer.status_code, answer.json()["error"]["code"]) == (400, -32020)


@pytest.mark.parametrize("header", HEADERS[2:], ids=lambda header: header[0])
def test_a_header_that_is_there_twice_is_refused(speaker: Speaker, header: tuple[str, str]) -> None:
    """Even with the same value: two readers could take a different one."""
    answer = raw(speaker, [*HEADERS, header])
    assert (answer.status_code, answer.json()["error"]["code"]) == (400, -32020)


def test_a_name_may_be_wrapped(speaker: Speaker) -> None:
    """As one that is no ASCII has to be."""
    headers = [each for each in HEADERS if each[0] != "mcp-name"] + [("mcp-name", wrapped("echo"))]
    assert raw(speaker, headers).status_code == 200


@pytest.mark.parametrize(
    ("argument", "header", "status"),
    [
        ("north", "north", 200),
        ("north", wrapped("north"), 200),
        ("nörd", wrapped("nörd"), 200),
        (None, None, 200),
        ("north", None, 400),
        ("north", "south", 400),
        (None, "north", 400),
    ],
)
def test_an_argument_that_headers_repeat_is_compared(
    speaker: Speaker, argument: str | None, header: str | None, status: int
) -> None:
    """In both directions."""
    arguments = {} if argument is None else {"region": argument}
    headers = {} if header is None else {"mcp_param_region": header}
    answer = speaker.post("tools/call", {"name": "place", "arguments": arguments}, **headers)
    assert answer.status_code == status, answer.text


@pytest.mark.parametrize(
    "body",
    [
        b"",
        b"{",
        b"null",
        b"5",
        b'"text"',
        b"\xff\xfe",
        b'{"jsonrpc": "2.0", "id": 1, "method": "x", "params": "\xc3"}',
        b"[]",
        json.dumps([message("ping")] * 3).encode(),
        b"[" * 30_000,
        b'{"a":' * 10_000,
        b'{"jsonrpc": "2.0", "id": 1, "method": "ping", "params": {"x": ' + b"[" * 20_000,
        b'{"jsonrpc": "2.0", "id": NaN, "method": "ping"}',
        b'{"jsonrpc": "1.0", "id": 1, "method": "ping"}',
        b'{"jsonrpc": "2.0", "id": 1, "method": 5}',
        b'{"jsonrpc": "2.0", "id": 1, "method": "ping", "params": []}',
        b'{"jsonrpc": "2.0", "id": 1}',
        b'{"jsonrpc": "2.0", "id": 1, "result": {}, "error": {}}',
        b'{"jsonrpc": "2.0", "id": 1, "result": 5}',
        b'{"jsonrpc": "2.0", "result": {}}',
    ],
)
def test_what_is_no_message_is_refused(speaker: Speaker, body: bytes) -> None:
    """With 400 and a JSON-RPC error; batches among it."""
    answer = raw(speaker, HEADERS, body)
    assert answer.status_code == 400
    assert answer.json()["error"]["code"] in (-32700, -32600, -32602)


@pytest.mark.parametrize(
    "request_id",
    [1, 0, -1, 2**53, 10**40, "a", "", "\u2028", "ö" * 20],
    ids=lambda each: repr(each),
)
def test_an_id_comes_back_as_it_went(speaker: Speaker, request_id: object) -> None:
    """Whatever number or text it is."""
    body = json.dumps(message("tools/call", ECHO, request_id)).encode()
    assert raw(speaker, HEADERS, body).json()["id"] == request_id


@pytest.mark.parametrize("request_id", ["1.5", "true", "null", "{}", "[1]", '"' + "x" * 300 + '"'])
def test_what_is_no_id_is_refused(speaker: Speaker, request_id: str) -> None:
    """As long ones are: a session remembers those of its running requests."""
    body = f'{{"jsonrpc": "2.0", "id": {request_id}, "method": "ping"}}'.encode()
    answer = raw(speaker, HEADERS, body)
    assert (answer.status_code, answer.json()["error"]["code"]) == (400, -32600)
    assert answer.json()["id"] is None


@pytest.mark.parametrize(
    "params",
    [
        {"_meta": 5},
        {"_meta": {PREFIX + "protocolVersion": 5}},
        {"_meta": meta(progressToken=[])},
        {"_meta": meta(progressToken=1.5)},
        {"_meta": meta(**{PREFIX + "clientCapabilities": []})},
        {"name": ["echo"], "_meta": meta()},
    ],
)
def test_params_of_the_wrong_type_are_refused(speaker: Speaker, params: dict[str, Any]) -> None:
    """With the id of the request, so that its client learns of it."""
    answer = raw(speaker, HEADERS, json.dumps(message("tools/call", params)).encode())
    assert (answer.status_code, answer.json()["error"]["code"]) == (400, -32602)
    assert answer.json()["id"] == 1


def test_a_large_body_is_refused(speaker: Speaker) -> None:
    """Before it is read."""
    assert raw(speaker, HEADERS, b" " * 70_000).status_code == 413


def test_a_notification_outside_of_a_session_asks_for_nothing(speaker: Speaker) -> None:
    """It is taken, or refused, but never run."""
    called = json.dumps(message("tools/call", ECHO, None)).encode()
    answer = raw(speaker, HEADERS, called)
    assert (answer.status_code, answer.content) == (202, b"")


@given(
    body=st.one_of(
        st.binary(max_size=200),
        st.recursive(
            st.none() | st.booleans() | st.integers() | st.text(max_size=20),
            lambda inner: (
                st.lists(inner, max_size=4)
                | st.dictionaries(
                    st.sampled_from(
                        [
                            "jsonrpc",
                            "id",
                            "method",
                            "params",
                            "result",
                            "_meta",
                            "name",
                            "arguments",
                        ]
                    ),
                    inner,
                    max_size=6,
                )
            ),
            max_leaves=12,
        ).map(lambda value: json.dumps(value).encode()),
        st.fixed_dictionaries(
            {"jsonrpc": st.just("2.0")},
            optional={
                "id": st.integers() | st.text(max_size=5) | st.none(),
                "method": st.sampled_from(
                    ["tools/call", "initialize", "ping", "resources/read", "completion/complete"]
                ),
                "params": st.dictionaries(
                    st.sampled_from(["name", "uri", "_meta", "arguments", "ref", "cursor"]),
                    st.none() | st.integers() | st.text(max_size=5) | st.just(meta()),
                    max_size=4,
                ),
            },
        ).map(lambda value: json.dumps(value).encode()),
    )
)
@settings(
    max_examples=150,
    deadline=None,
    suppress_health_check=[HealthCheck.function_scoped_fixture, HealthCheck.too_slow],
)
def test_whatever_is_sent_is_answered(speaker: Speaker, body: bytes) -> None:
    """Never with a fault of ours."""
    for headers in (HEADERS, HEADERS[:2]):
        answer = raw(speaker, headers, body)
        assert answer.status_code < 500, (body, answer.text)
        assert answer.status_code == 202 or answer.json()["jsonrpc"] == "2.0"


@pytest.fixture
def guarded(tmp_path: Path) -> Iterator[tuple[Live, str, str]]:
    """A gateway with two keys: its URL, and they."""
    config = load_settings(
        data_dir=tmp_path, toolsets="tests.toolset:toolset,tests.mcp.toolset:toolset"
    )
    database = open_database(config)
    keys = [
        KeyTable(database).create(name, ["tools:read", "tools:execute"])[1]
        for name in ("alice", "mallory")
    ]
    database.close()
    with in_process(build_app(config)) as live:
        yield live, keys[0], keys[1]


def test_a_session_of_somebody_else_is_not_there(guarded: tuple[Live, str, str]) -> None:
    """Not to call in, to listen to, to answer for, or to end."""
    live, alice, mallory = guarded
    hers = SessionSpeaker(f"{live.url}/mcp", key=alice)
    his = SessionSpeaker(f"{live.url}/mcp", key=mallory)
    with hers.client, his.client:
        hers.initialize()
        his.session = hers.session
        answer = {"jsonrpc": "2.0", "id": "dynogate-1", "result": {}}
        assert his.post("ping").status_code == 404
        assert his.send(answer).status_code == 404
        assert (
            his.send(message("notifications/cancelled", {"requestId": 1}, None)).status_code == 404
        )
        for method in ("GET", "DELETE"):
            asked = his.client.request(method, his.url, headers=his.headers())
            assert asked.status_code == 404
        his.key = None
        assert his.post("ping").status_code == 401
        assert hers.result("ping") == {}


def test_what_a_key_does_not_allow_is_refused_with_the_scope(tmp_path: Path) -> None:
    """In both eras with 403 and a challenge, so that clients can ask for more."""
    config = load_settings(data_dir=tmp_path, toolsets="tests.toolset:toolset")
    database = open_database(config)
    key = KeyTable(database).create("reader", ["tools:read"])[1]
    database.close()
    with in_process(build_app(config)) as live:
        session = SessionSpeaker(f"{live.url}/mcp", key=key)
        speaker = Speaker(f"{live.url}/mcp")
        wait = {"name": "wait", "arguments": {"seconds": 1}}
        with session.client, speaker.client:
            session.initialize()
            legacy = session.post("tools/call", wait)
            modern = speaker.post("tools/call", wait, authorization=f"Bearer {key}")
    for answer in (legacy, modern):
        assert answer.status_code == 403
        assert 'scope="tools:execute"' in answer.headers["www-authenticate"]
