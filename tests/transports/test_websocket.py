"""What is said on a WebSocket, by name; the eras of MCP are in test_websocket_mcp."""

import json
import signal
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from websockets.exceptions import ConnectionClosed, InvalidStatus
from websockets.sync.client import connect

from dynogate.app import build_app, open_database
from dynogate.settings import load_settings
from dynogate.store.keys import KeyTable
from dynogate.transports import conversation
from dynogate.wire import frames
from tests.live import Live, as_process, in_process, until
from tests.sockets import client, ws_url
from tests.toolset import cancelled


def settings_for(data_dir: Path, **more: Any) -> Any:
    return load_settings(
        data_dir=data_dir,
        toolsets="tests.toolset:toolset",
        max_running_jobs=2,
        rate_limit="off",
        max_concurrent_per_client=1000,
        shed_lag_sec=60.0,
        **more,
    )


@pytest.fixture(scope="module")
def live(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Live]:
    settings = settings_for(tmp_path_factory.mktemp("data"), max_queued_jobs=200)
    with in_process(build_app(settings)) as live:
        yield live


def figure(live: Live, name: str) -> float:
    """A metric, summed over its series."""
    lines = live.get("/metrics").text.splitlines()
    return sum(float(line.split()[-1]) for line in lines if line.startswith(name))


@pytest.mark.parametrize("path", ["/ws", "/mcp"])
@pytest.mark.parametrize(
    ("offered", "chosen"), [(None, None), (["mcp"], "mcp"), (["x", "mcp"], "mcp")]
)
def test_the_subprotocol_is_mcp_or_none(
    live: Live, path: str, offered: Any, chosen: str | None
) -> None:
    """Clients of MCP name it; scripts need not."""
    with client(live, path, subprotocols=offered) as ws:
        assert ws.socket.subprotocol == chosen
        assert ws.answer("echo", {"say": "hi"})["result"]["structuredContent"]["said"] == "hi"


@pytest.mark.parametrize(
    ("method", "params"),
    [
        ("echo", {"say": "hi", "times": 2, "_client_id": "me"}),
        ("echo", {"say": 1}),
        ("echo", {"say": "hi", "_client_id": 1}),
        ("eco", {}),
        ("crash", {}),
        ("refuse", {}),
        ("tools/call", {"name": "echo", "arguments": {"say": "hi"}}),
        ("tools/call", {"name": "refuse"}),
        ("tools/call", {"name": "eco"}),
        ("tools/call", {"name": "echo", "arguments": []}),
    ],
)
def test_a_call_is_answered_as_by_post(live: Live, method: str, params: object) -> None:
    """One meaning, whichever way a call comes in."""
    message = {"jsonrpc": "2.0", "id": "x", "method": method, "params": params}
    with client(live) as ws:
        ws.send(message)
        ours, theirs = ws.next(), live.post(message).json()
    if "error" in theirs:  # the text may name the way in
        assert (ours["id"], ours["error"]["code"]) == (theirs["id"], theirs["error"]["code"])
    else:
        assert ours == theirs


@pytest.mark.parametrize(
    ("message", "code", "answered_id"),
    [
        ('{"jsonrpc":"2.0","id":1,', -32700, None),
        ("[" * 10_000, -32600, None),
        ('{"a":' * 10_000, -32700, None),
        ('{"jsonrpc":"2.0","id":1,"method":"echo","params":{"say":NaN}}', -32700, None),
        ('[{"jsonrpc":"2.0","id":1,"method":"echo"}]', -32600, None),
        ("1", -32600, None),
        ('{"jsonrpc":"1.0","id":1,"method":"echo"}', -32600, 1),
        ('{"jsonrpc":"2.0","id":1.5,"method":"echo"}', -32600, None),
        ('{"jsonrpc":"2.0","id":null,"method":"echo"}', -32600, None),
        ('{"jsonrpc":"2.0","id":1,"method":"echo","params":["hi"]}', -32600, 1),
        (
            '{"jsonrpc":"2.0","id":1,"method":"echo","params":{"_meta":[]}}',
            -32602,
            1,
        ),
        ('{"jsonrpc":"2.0","id":1,"method":"no/such"}', -32601, 1),
    ],
)
def test_a_bad_message_gets_its_error_and_the_connection_lives(
    live: Live, message: str, code: int, answered_id: object
) -> None:
    """The next message is served."""
    with client(live) as ws:
        ws.send(message)
        answer = ws.next()
        assert (answer["error"]["code"], answer["id"]) == (code, answered_id)
        assert "result" in ws.answer("echo", {"say": "still here"})


def test_calls_are_answered_as_they_are_done(live: Live) -> None:
    """A quick one does not wait for a slow one before it."""
    with client(live) as ws:
        ws.call("wait", {"seconds": 0.5}, id="slow")
        ws.call("echo", {"say": "hi"}, id="quick")
        assert [ws.next()["id"], ws.next()["id"]] == ["quick", "slow"]


def test_an_id_can_be_used_again_once_it_is_answered_but_not_before(live: Live) -> None:
    """The second one's error has no id: the first one's answer will have it."""
    with client(live) as ws:
        ws.call("wait", {"seconds": 0.5})
        refused = ws.answer("echo", {"say": "hi"})
        assert (refused["id"], refused["error"]["code"]) == (None, -32600)
        assert ws.next()["result"]["structuredContent"]["said"] == "waited"
        for _ in range(50):
            assert "result" in ws.answer("echo", {"say": "hi"})


def test_notifications_are_not_answered(live: Live) -> None:
    """Neither those of MCP nor calls without an id, which are run."""
    before = figure(live, "dynogate_tool_calls_total")
    with client(live) as ws:
        ws.send({"jsonrpc": "2.0", "method": "notifications/initialized"})
        ws.send({"jsonrpc": "2.0", "method": "echo", "params": {"say": "hi"}})
        ws.send({"jsonrpc": "2.0", "method": "nonsense"})
        assert ws.answer("echo", {"say": "hi"}, id="asked")["id"] == "asked"
    until(lambda: figure(live, "dynogate_tool_calls_total") == before + 2, "both calls")


def test_a_reply_that_nobody_waits_for_is_ignored(live: Live) -> None:
    """So is the cancelling of what does not run, or says nothing."""
    with client(live) as ws:
        ws.send({"jsonrpc": "2.0", "id": 7, "result": {}})
        unknown: list[dict[str, object]] = [{"requestId": 99}, {"requestId": []}, {}]
        for params in unknown:
            ws.send({"jsonrpc": "2.0", "method": "notifications/cancelled", "params": params})
        assert "result" in ws.answer("echo", {"say": "hi"})


def test_a_cancelled_call_stops_and_is_not_answered(live: Live) -> None:
    """MCP, basic/utilities/cancellation."""
    cancelled.clear()
    with client(live) as ws:
        ws.call("wait", {"seconds": 60}, id="long")
        until(lambda: live.get("/status").json()["jobs"]["running"] == 1, "the job to run")
        params = {"requestId": "long", "reason": "enough"}
        ws.send({"jsonrpc": "2.0", "method": "notifications/cancelled", "params": params})
        assert cancelled.wait(10)
        assert ws.answer("echo", {"say": "hi"}, id="next")["id"] == "next"


def test_who_goes_away_cancels_what_runs_for_them(live: Live) -> None:
    """Nobody is left to read the answers."""
    cancelled.clear()
    with client(live) as ws:
        ws.call("wait", {"seconds": 60}, id="long")
        until(lambda: live.get("/status").json()["jobs"]["running"] == 1, "the job to run")
    assert cancelled.wait(10)
    until(lambda: live.get("/status").json()["jobs"]["running"] == 0, "the job to end")


def test_progress_comes_before_the_answer(live: Live) -> None:
    """For a call by name, too: ``_meta`` stands beside its arguments."""
    with client(live) as ws:
        ws.call("steps", {"count": 3, "_meta": {"progressToken": "p"}})
        told = [ws.next() for _ in range(4)]
    assert [each["params"]["progress"] for each in told[:3]] == [1, 2, 3]
    assert {each["params"]["progressToken"] for each in told[:3]} == {"p"}
    assert told[3]["result"]["structuredContent"]["said"] == "done"


def test_more_calls_than_a_connection_may_have_are_refused(live: Live) -> None:
    """The others are served."""
    with client(live) as ws:
        for number in range(70):
            ws.call("wait", {"seconds": 60}, id=number)
        refused = [ws.next() for _ in range(6)]
        assert [each["id"] for each in refused] == list(range(64, 70))
        assert {each["error"]["code"] for each in refused} == {1503}
    until(lambda: live.get("/status").json()["jobs"] == {"running": 0, "queued": 0}, "the end")


def test_a_fault_of_ours_is_answered_without_its_details(
    live: Live, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Wherever it is; a call without an answer would be waited for for ever."""

    def broken(*_: object) -> None:
        raise RuntimeError("secret detail")

    monkeypatch.setattr("dynogate.wire.jsonrpc.named_arguments", broken)
    with client(live) as ws:
        failed = ws.answer("echo", {"say": "hi"})
    assert failed["error"]["code"] == -32603
    assert "secret" not in json.dumps(failed)


def test_a_gateway_has_so_many_places(tmp_path: Path) -> None:
    """And a client fewer; who leaves makes room."""
    settings = settings_for(tmp_path, max_sockets=3, max_sockets_per_client=2)
    with in_process(build_app(settings)) as live:
        with client(live), client(live):
            with pytest.raises(InvalidStatus, match="503") as refused, client(live):
                pass
            assert refused.value.response.headers["Retry-After"] == "5"
            assert json.loads(refused.value.response.body or b"")["error"]["code"] == 1503
            assert live.get("/status").json()["websockets"] == 2
        until(lambda: live.get("/status").json()["websockets"] == 0, "both to leave")
        with client(live) as ws:
            assert "result" in ws.answer("echo", {"say": "hi"})


@pytest.mark.parametrize(
    ("options", "path", "status"),
    [
        ({"origin": "http://evil.example"}, "/ws", 403),
        ({"additional_headers": {"Authorization": "Basic eDp5"}}, "/ws", 401),
        ({}, "/ws?access_token=abc", 400),
        ({}, "/nowhere", 403),
    ],
)
def test_the_guards_stand_before_the_handshake(
    live: Live, options: Any, path: str, status: int
) -> None:
    """A refused one gets an HTTP status, as over HTTP."""
    with pytest.raises(InvalidStatus) as refused, connect(ws_url(live, path), **options):
        pass
    assert refused.value.response.status_code == status


def test_an_allowed_origin_may_connect(live: Live) -> None:
    """A page of this machine."""
    with client(live, origin="http://localhost:3000") as ws:
        assert "result" in ws.answer("echo", {"say": "hi"})


def test_a_key_is_asked_for_and_its_end_ends_the_connection(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A long connection must not outlive the right to have it."""
    monkeypatch.setattr(conversation, "_TRUSTED_SEC", 0.0)
    monkeypatch.setattr("dynogate.transports.websocket._LOOK_SEC", 3600.0)
    settings = settings_for(tmp_path)
    keys = KeyTable(open_database(settings))
    key, secret = keys.create("someone", ["tools:read"])
    with in_process(build_app(settings)) as live:
        with pytest.raises(InvalidStatus, match="401") as refused, client(live):
            pass
        assert refused.value.response.headers["WWW-Authenticate"].startswith("Bearer")
        headers = {"Authorization": f"Bearer {secret}"}
        with client(live, additional_headers=headers) as ws:
            said = ws.answer("echo", {"say": "hi"})["result"]["structuredContent"]
            assert said["principal"] == "key:someone"
            assert ws.answer("refuse")["error"]["code"] == 1407
            keys.revoke(key.id)

            def is_over() -> bool:
                try:
                    return bool("error" in ws.answer("echo", {"say": "hi"}))
                except ConnectionClosed:
                    return True

            until(is_over, "the revocation to be noticed")
            assert ws.socket.close_code == frames.POLICY_VIOLATION
            assert "revoked" in str(ws.socket.close_reason)


def test_a_connection_that_nobody_uses_is_closed(tmp_path: Path) -> None:
    """But not while a call runs."""
    settings = settings_for(tmp_path, socket_idle_timeout_sec=0.4)
    with in_process(build_app(settings)) as live, client(live) as ws:
        assert "result" in ws.answer("wait", {"seconds": 1.2})
        with pytest.raises(ConnectionClosed):
            ws.next()
        assert ws.socket.close_code == frames.GOING_AWAY


def test_a_quiet_connection_ends_with_its_key(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """It is looked at now and then, though it says nothing."""
    monkeypatch.setattr("dynogate.transports.websocket._LOOK_SEC", 0.2)
    settings = settings_for(tmp_path)
    keys = KeyTable(open_database(settings))
    key, secret = keys.create("someone", ["tools:read"])
    with (
        in_process(build_app(settings)) as live,
        client(live, additional_headers={"X-API-Key": secret}) as ws,
    ):
        keys.revoke(key.id)
        with pytest.raises(ConnectionClosed):
            ws.next()
        assert ws.socket.close_code == frames.POLICY_VIOLATION


def test_the_audit_names_the_connection_and_the_message(tmp_path: Path) -> None:
    """By the id that the handshake was answered with, and a number."""
    audit = tmp_path / "audit.jsonl"
    settings = settings_for(tmp_path, audit_file=audit)
    with in_process(build_app(settings)) as live, client(live) as ws:
        ws.answer("refuse")
        ws.answer("refuse")
        assert ws.socket.response is not None
        name = ws.socket.response.headers["X-Request-ID"]
    lines = [json.loads(line) for line in audit.read_text().splitlines()]
    told = [(line["transport"], line["request_id"]) for line in lines if line["event"] == "begun"]
    assert told == [("ws", f"{name}/1"), ("ws", f"{name}/2")]


def test_messages_and_closes_are_counted(tmp_path: Path) -> None:
    """By direction and code; codes of the client's own are one."""
    with in_process(build_app(settings_for(tmp_path))) as live:
        for code in (1000, 4321):
            with client(live) as ws:
                ws.answer("echo", {"say": "hi"})
                ws.socket.close(code)
        text = live.get("/metrics").text
        assert 'dynogate_websocket_messages_total{direction="in"} 2.0' in text
        assert 'dynogate_websocket_messages_total{direction="out"} 2.0' in text
        assert 'dynogate_websocket_closes_total{code="1000"} 1.0' in text
        assert 'dynogate_websocket_closes_total{code="other"} 1.0' in text
        assert 'dynogate_http_requests_total{status="101",transport="ws"} 2.0' in text


def test_what_runs_at_the_end_is_answered_and_then_the_connection_closed(tmp_path: Path) -> None:
    """SIGTERM: no call is lost, and new ones are told to go elsewhere."""
    env = {"DYNOGATE_TOOLSETS": "tests.toolset:toolset"}
    with as_process(tmp_path, env=env) as live, client(live) as ws, client(live) as idle:
        ws.call("wait", {"seconds": 1.5}, id="running")
        until(lambda: live.get("/status").json()["jobs"]["running"] == 1, "the job to run")
        assert live.process is not None
        live.process.send_signal(signal.SIGTERM)
        with pytest.raises(ConnectionClosed):
            idle.next()
        assert idle.socket.close_code == frames.SERVICE_RESTART
        refused = ws.answer("echo", {"say": "hi"}, id="new")
        assert (refused["id"], refused["error"]["code"]) == ("new", 1503)
        assert ws.next()["result"]["structuredContent"]["said"] == "waited"
        with pytest.raises(ConnectionClosed):
            ws.next()
        assert ws.socket.close_code == frames.SERVICE_RESTART
        started = time.monotonic()
        live.process.wait(20)
        assert time.monotonic() - started < 10
