"""The eras of sessions at /mcp (2025-03-26 to 2025-11-25), over HTTP."""

import threading
from collections.abc import Iterator
from pathlib import Path

import pytest

from dynogate.app import build_app
from dynogate.settings import load_settings
from tests.live import Live, in_process, until
from tests.mcp.speaker import SessionSpeaker, message, next_id, next_message
from tests.toolset import cancelled


@pytest.fixture
def session(live: Live) -> Iterator[SessionSpeaker]:
    session = SessionSpeaker(f"{live.url}/mcp", capabilities={"roots": {}})
    with session.client:
        session.initialize()
        yield session


def call(name: str, request_id: object = 1, **arguments: object) -> dict[str, object]:
    return message("tools/call", {"name": name, "arguments": arguments}, request_id)


@pytest.mark.parametrize(
    ("asked", "given"),
    [
        ("2025-11-25", "2025-11-25"),
        ("2025-06-18", "2025-06-18"),
        ("2025-03-26", "2025-03-26"),
        ("1999-01-01", "2025-11-25"),
    ],
)
def test_a_session_begins_with_a_version(session: SessionSpeaker, asked: str, given: str) -> None:
    """That of the client, where it is spoken here; else the newest of sessions."""
    params = {
        "protocolVersion": asked,
        "capabilities": {},
        "clientInfo": {"name": "", "version": ""},
    }
    session.session = ""
    answer = session.post("initialize", params, mcp_protocol_version="2025-11-25")
    result = answer.json()["result"]
    assert result["protocolVersion"] == given
    assert result["serverInfo"]["name"] == "dynogate"
    assert "resultType" not in result
    assert len(answer.headers["mcp-session-id"]) >= 32


def test_ids_of_sessions_differ(session: SessionSpeaker) -> None:
    """And cannot be guessed from one another."""
    first = session.session
    session.initialize()
    assert first.partition("-")[2] != session.session.partition("-")[2]


def test_a_tool_is_called_in_a_session(session: SessionSpeaker) -> None:
    """The plain result of these eras, as one JSON object where nothing else is to be told."""
    answer = session.send(call("echo", say="hi"))
    assert answer.headers["content-type"] == "application/json"
    assert answer.json() == {
        "jsonrpc": "2.0",
        "id": 1,
        "result": {
            "content": [{"type": "text", "text": "hi"}],
            "structuredContent": {
                "said": "hi",
                "times": 1,
                "client_id": None,
                "principal": "local",
            },
            "isError": False,
        },
    }


def test_the_version_header_may_be_missing(session: SessionSpeaker) -> None:
    """Clients of 2025-03-26 know none."""
    head = {"accept": "application/json, text/event-stream", "mcp-session-id": session.session}
    answer = session.client.post(session.url, json=message("ping"), headers=head)
    assert answer.json()["result"] == {}


@pytest.mark.parametrize(
    ("method", "params", "code"),
    [
        ("no/such", {}, -32601),
        ("server/discover", {}, -32601),
        ("tools/call", {"name": "nope"}, -32602),
        ("resources/read", {"uri": "test://none"}, -32002),
        ("logging/setLevel", {"level": "loud"}, -32602),
        ("resources/subscribe", {"uri": "test://none"}, -32002),
        ("resources/subscribe", {"uri": "test://notes/" + "x" * 3000}, -32602),
    ],
)
def test_an_error_of_a_session_has_status_200(
    session: SessionSpeaker, method: str, params: object, code: int
) -> None:
    """Clients of these eras take 404 for the end of the session, and read no body of others."""
    answer = session.post(method, params)
    assert (answer.status_code, answer.json()["error"]["code"]) == (200, code)


@pytest.mark.parametrize(
    ("method", "headers", "status"),
    [
        ("POST", {"mcp_session_id": ""}, 404),
        ("POST", {"mcp_session_id": "0000-guessed"}, 404),
        ("POST", {"mcp_protocol_version": "1999-01-01"}, 400),
        ("POST", {"accept": "text/html"}, 406),
        ("GET", {"mcp_session_id": "0000-guessed"}, 404),
        ("GET", {"accept": "application/json"}, 406),
        ("GET", {"mcp_protocol_version": "1999-01-01"}, 400),
        ("GET", {"mcp_protocol_version": "2026-07-28"}, 405),
        ("GET", {"last_event_id": "7.1"}, 400),
        ("GET", {"last_event_id": "0." + "9" * 5000}, 400),
        ("GET", {"last_event_id": "x"}, 400),
        ("DELETE", {"mcp_session_id": "0000-guessed"}, 404),
        ("PUT", {}, 405),
    ],
)
def test_what_is_wrong_with_a_request_of_a_session(
    session: SessionSpeaker, method: str, headers: dict[str, str], status: int
) -> None:
    """Has the status that the transport says."""
    answer = session.client.request(
        method, session.url, json=message("ping"), headers=session.headers(**headers)
    )
    assert answer.status_code == status
    assert answer.json()["error"]["code"]
    if status == 405:
        assert answer.headers["allow"] == "GET, POST, DELETE"


@pytest.mark.parametrize("method", ["GET", "DELETE", "POST"])
def test_without_a_session_there_is_nothing_to_have(session: SessionSpeaker, method: str) -> None:
    """A GET or DELETE is not allowed; a POST is told what to send."""
    session.session = ""
    answer = session.client.request(
        method, session.url, json=message("ping"), headers=session.headers()
    )
    assert answer.status_code == (400 if method == "POST" else 405)


def test_initialize_has_to_be_a_request(session: SessionSpeaker) -> None:
    """With an id; and not with more than a session should remember."""
    session.session = ""
    assert session.send(message("initialize", {}, None)).status_code == 400
    asked = {"protocolVersion": "2025-11-25", "capabilities": {"x": "y" * 20_000}}
    refused = session.send(message("initialize", asked))
    assert (refused.status_code, refused.json()["error"]["code"]) == (400, -32602)


def test_a_session_ends_when_its_client_says_so(session: SessionSpeaker) -> None:
    """After that its id is answered 404, so that the client begins a new one."""
    assert session.client.delete(session.url, headers=session.headers()).status_code == 204
    assert session.post("ping").status_code == 404
    assert session.client.delete(session.url, headers=session.headers()).status_code == 404


def test_ending_a_session_ends_its_calls_and_streams(session: SessionSpeaker) -> None:
    """Nothing of it goes on."""
    cancelled.clear()
    with session.stream(call("wait", seconds=60)) as (_, lines):
        next_id(lines)
        session.client.delete(session.url, headers=session.headers())
        assert not [line for line in lines if line.startswith("data: {")]
    until(cancelled.is_set, "the tool to be cancelled")


def test_a_stream_begins_with_what_it_takes_to_come_back(session: SessionSpeaker) -> None:
    """An event without data, and how long to wait."""
    with session.stream(call("wait", seconds=0.7)) as (answer, lines):
        assert answer.headers["content-type"] == "text/event-stream"
        assert [next(lines) for _ in range(3)] == ["id: 1.0", "retry: 1000", "data:"]
        assert next_message(lines)["result"]["structuredContent"]["said"] == "waited"


def test_an_older_client_gets_no_event_without_data(live: Live) -> None:
    """It would take it for a broken message."""
    session = SessionSpeaker(f"{live.url}/mcp", version="2025-06-18")
    with session.client:
        session.initialize()
        with session.stream(call("wait", seconds=0.7)) as (_, lines):
            assert next(lines) == "id: 1.1"


def test_a_broken_connection_cancels_nothing(session: SessionSpeaker) -> None:
    """The client comes back for the answer with the id of the last event it saw."""
    cancelled.clear()
    with session.stream(call("wait", 7, seconds=1.5)) as (_, lines):
        seen = next_id(lines)
    with session.stream(last_event_id=seen) as (_, lines):
        answer = next_message(lines)
    assert (answer["id"], answer["result"]["structuredContent"]["said"]) == (7, "waited")
    assert not cancelled.is_set()
    with session.stream(last_event_id=seen) as (_, lines):
        assert next_message(lines) == answer


def test_a_call_that_nobody_comes_back_for_is_cancelled(tmp_path: Path) -> None:
    """Its client has vanished; else its work would go on for nobody."""
    settings = load_settings(data_dir=tmp_path, toolsets="tests.toolset:toolset", resume_sec=1.0)
    cancelled.clear()
    with in_process(build_app(settings)) as live:
        session = SessionSpeaker(f"{live.url}/mcp")
        with session.client:
            session.initialize()
            with session.stream(call("wait", seconds=60)) as (_, lines):
                seen = next_id(lines)
            with session.stream(last_event_id=seen) as (_, lines):
                assert not cancelled.wait(1.5)
        until(cancelled.is_set, "the call to be cancelled", 10)


def test_a_stream_is_resumed_after_the_last_event_that_was_seen(session: SessionSpeaker) -> None:
    """What was seen is not sent again."""
    asked = {"name": "chatter", "arguments": {"steps": 3}, "_meta": {"progressToken": 1}}
    with session.stream(message("tools/call", asked)) as (_, lines):
        everything = [line for line in lines if line.startswith("id: ")]
    third = everything[2].removeprefix("id: ")
    with session.stream(last_event_id=third) as (_, lines):
        assert [line for line in lines if line.startswith("id: ")] == everything[3:]


def test_a_call_is_cancelled_by_a_notification(session: SessionSpeaker) -> None:
    """And is not answered any more."""
    cancelled.clear()
    with session.stream(call("wait", "slow", seconds=60)) as (_, lines):
        next_id(lines)
        nothing: list[dict[str, object]] = [{}, {"requestId": 99}, {"requestId": []}]
        for wrong in nothing:
            assert session.send(message("notifications/cancelled", wrong, None)).status_code == 202
        session.send(message("notifications/cancelled", {"requestId": "slow"}, None))
        assert not [line for line in lines if line.startswith("data: {")]
    until(cancelled.is_set, "the tool to be cancelled")


def test_a_call_that_asks_can_be_cancelled(session: SessionSpeaker) -> None:
    """A quick one too, as soon as it is not quick any more."""
    with session.stream(call("roots", "asked")) as (_, lines):
        assert next_message(lines)["method"] == "roots/list"
        again = session.send(call("roots", "asked")).json()
        assert "still being served" in again["result"]["content"][0]["text"]
        session.send(message("notifications/cancelled", {"requestId": "asked"}, None))
        assert not [line for line in lines if line.startswith("data: {")]
    assert session.result("tools/call", {"name": "echo", "arguments": {"say": "on"}})


def test_an_id_is_used_once_at_a_time(session: SessionSpeaker) -> None:
    """Else a cancellation could mean either call."""
    with session.stream(call("wait", 5, seconds=60)) as (_, lines):
        next_id(lines)
        again = session.send(call("wait", 5, seconds=1))
        assert (again.status_code, again.json()["error"]["code"]) == (400, -32600)
        session.send(message("notifications/cancelled", {"requestId": 5}, None))


def answer_questions(session: SessionSpeaker, lines: Iterator[str], **answer: object) -> object:
    """Answer the first question on a stream; gives the last message of the stream."""
    question = next_message(lines)
    assert question["method"] == "roots/list"
    assert session.send({"jsonrpc": "2.0", "id": question["id"], **answer}).status_code == 202
    return next_message(lines)["result"]


def test_a_tool_asks_the_client(session: SessionSpeaker) -> None:
    """On the stream of the call; the answer comes as a POST of its own."""
    with session.stream(call("roots")) as (_, lines):
        result = answer_questions(session, lines, result={"roots": [{"uri": "file:///x"}]})
    assert "file:///x" in result["content"][0]["text"]  # type: ignore[index]


@pytest.mark.parametrize(
    "answer",
    [{"error": {"code": -1, "message": "no"}}, {"error": {"code": "x"}}],
    ids=["refused", "malformed"],
)
def test_a_client_may_refuse(session: SessionSpeaker, answer: dict[str, object]) -> None:
    """Then the tool fails."""
    with session.stream(call("roots")) as (_, lines):
        assert answer_questions(session, lines, **answer)["isError"]  # type: ignore[index]


def test_nothing_is_asked_that_a_client_cannot_answer(live: Live) -> None:
    """A tool that needs it fails; of these eras, that is no error of the protocol."""
    session = SessionSpeaker(f"{live.url}/mcp")
    with session.client:
        session.initialize()
        result = session.result("tools/call", {"name": "roots", "arguments": {}})
    assert result["isError"]
    assert "roots" in result["content"][0]["text"]


def test_answers_that_nobody_waits_for_are_taken(session: SessionSpeaker) -> None:
    """A late one does no harm."""
    assert session.send({"jsonrpc": "2.0", "id": "dynogate-9", "result": {}}).status_code == 202


def test_log_messages_are_of_the_level_that_was_set(session: SessionSpeaker) -> None:
    """From then on, for the whole session; before, there are none."""
    assert "notifications/message" not in session.send(call("chatter", steps=1)).text
    for level, count in (("debug", 2), ("info", 1), ("error", 0)):
        assert session.result("logging/setLevel", {"level": level}) == {}
        told = session.send(call("chatter", steps=1)).text
        assert told.count("notifications/message") == count


def test_changes_are_told_on_the_general_stream(session: SessionSpeaker) -> None:
    """Of lists always; of a resource while the client subscribes to it."""
    assert session.result("resources/subscribe", {"uri": "test://about"}) == {}
    with session.stream() as (_, lines):
        next_id(lines)
        for uri in ("test://logo", "test://about", ""):
            session.send(call("change", uri=uri))
        updated = next_message(lines)
        assert updated["method"] == "notifications/resources/updated"
        assert updated["params"] == {"uri": "test://about"}
        assert next_message(lines)["method"] == "notifications/tools/list_changed"
        assert session.result("resources/unsubscribe", {"uri": "test://about"}) == {}
        for uri in ("test://about", ""):
            session.send(call("change", uri=uri))
        assert next_message(lines)["method"] == "notifications/tools/list_changed"


def test_the_general_stream_has_one_reader(session: SessionSpeaker) -> None:
    """A second one takes over, so that no message is sent twice."""
    with session.stream() as (_, lines):
        seen = next_id(lines)
        session.send(call("change"))
        with session.stream(last_event_id=seen) as (_, others):
            assert next_message(others)["method"] == "notifications/tools/list_changed"
            rest = threading.Thread(target=list, args=(lines,))
            rest.start()
            rest.join(10)
            assert not rest.is_alive()
