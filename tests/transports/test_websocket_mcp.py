"""MCP over a WebSocket, in both eras; what is common to all ways in is tested in tests/mcp."""

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from websockets.exceptions import ConnectionClosed

from dynogate.app import build_app
from dynogate.settings import load_settings
from dynogate.wire import frames
from tests.live import Live, as_process, in_process, until
from tests.mcp.speaker import MODERN, PREFIX, Speaker, meta
from tests.sockets import Client, client

TOOLSETS = "tests.toolset:toolset,tests.mcp.toolset:toolset"
ABOUT = "test://about"


@pytest.fixture(scope="module")
def live(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Live]:
    settings = load_settings(
        data_dir=tmp_path_factory.mktemp("data"),
        toolsets=TOOLSETS,
        rate_limit="off",
        shed_lag_sec=60.0,
    )
    with in_process(build_app(settings)) as live:
        yield live


@pytest.fixture
def ws(live: Live) -> Iterator[Client]:
    with client(live, subprotocols=["mcp"]) as ws:
        yield ws


def initialize(ws: Client, version: str = "2025-11-25", **capabilities: object) -> Any:
    asked = {
        "protocolVersion": version,
        "capabilities": capabilities,
        "clientInfo": {"name": "test", "version": "1"},
    }
    result = ws.answer("initialize", asked)["result"]
    ws.send({"jsonrpc": "2.0", "method": "notifications/initialized"})
    return result


@pytest.mark.parametrize(
    ("asked", "given"), [("2025-06-18", "2025-06-18"), ("1999-01-01", "2025-11-25")]
)
def test_a_session_begins_with_initialize(ws: Client, asked: str, given: str) -> None:
    """And is the connection."""
    result = initialize(ws, asked)
    assert result["protocolVersion"] == given
    assert result["serverInfo"]["name"] == "dynogate"
    assert ws.answer("ping")["result"] == {}
    tools = ws.answer("tools/list")["result"]["tools"]
    assert {"echo", "chatter"} <= {tool["name"] for tool in tools}


def test_a_session_is_told_of_progress_and_logs_before_the_answer(ws: Client) -> None:
    """In the order in which they happened, at the level it set."""
    initialize(ws)
    ws.answer("logging/setLevel", {"level": "info"})
    params = {"name": "chatter", "arguments": {"steps": 2}, "_meta": {"progressToken": 5}}
    ws.call("tools/call", params, id="call")
    told = [ws.next() for _ in range(5)]
    methods = [each.get("method", "answer").removeprefix("notifications/") for each in told]
    assert methods == ["progress", "message", "progress", "message", "answer"]
    assert told[2]["params"]["progressToken"] == 5
    assert told[4]["result"]["structuredContent"]["said"] == "2 steps"


def test_a_session_is_told_of_changes(ws: Client) -> None:
    """Of lists always, of resources where it subscribed."""
    initialize(ws)
    ws.answer("change", {"uri": ABOUT})
    assert ws.answer("resources/subscribe", {"uri": ABOUT})["result"] == {}
    ws.call("change", {"uri": ABOUT})
    updated = ws.next()
    assert updated["method"] == "notifications/resources/updated"
    assert updated["params"] == {"uri": ABOUT}
    assert "result" in ws.next()
    ws.call("change", {})
    assert ws.next()["method"] == "notifications/tools/list_changed"
    assert "result" in ws.next()


def test_the_client_is_asked_and_answers(ws: Client) -> None:
    """What it said it can be asked, while its call waits."""
    initialize(ws, roots={})
    ws.call("tools/call", {"name": "roots"}, id="call")
    asked = ws.next()
    assert asked["method"] == "roots/list"
    ws.send({"jsonrpc": "2.0", "id": asked["id"], "result": {"roots": []}})
    answer = ws.next()
    assert answer["id"] == "call"
    assert answer["result"]["structuredContent"]["said"] == "{'roots': {'roots': []}}"


def test_without_a_session_nothing_of_one_can_be_had(ws: Client) -> None:
    """The rest can: a script need not say hello."""
    assert ws.answer("resources/subscribe", {"uri": ABOUT})["error"]["code"] == -32600
    assert ws.answer("tools/call", {"name": "roots"})["result"]["isError"] is True
    read = ws.answer("resources/read", {"uri": ABOUT})["result"]
    assert read["contents"][0]["text"] == "notes for tests"
    ws.answer("change", {})
    assert ws.answer("ping")["result"] == {}


def test_a_request_may_stand_alone(ws: Client, live: Live) -> None:
    """With its version in ``_meta``: the answer is that of POST /mcp."""
    over_http = Speaker(f"{live.url}/mcp")
    with over_http.client:
        for method, params in (
            ("server/discover", {}),
            ("tools/list", {}),
            ("tools/call", {"name": "echo", "arguments": {"say": "hi"}}),
        ):
            alone = {**params, "_meta": meta()}
            assert ws.answer(method, alone)["result"] == over_http.result(method, params)


@pytest.mark.parametrize(
    ("given", "code"),
    [
        ({PREFIX + "protocolVersion": MODERN}, -32602),
        (meta(**{PREFIX + "protocolVersion": "1999-01-01"}), -32022),
        ({PREFIX + "protocolVersion": 1}, -32602),
    ],
)
def test_a_request_that_stands_alone_needs_its_metadata(
    ws: Client, given: object, code: int
) -> None:
    """As over HTTP."""
    assert ws.answer("tools/list", {"_meta": given})["error"]["code"] == code


def test_both_eras_and_direct_calls_share_a_connection(ws: Client) -> None:
    """Each request says which it is of."""
    initialize(ws)
    assert "ttlMs" in ws.answer("tools/list", {"_meta": meta()})["result"]
    assert "ttlMs" not in ws.answer("tools/list")["result"]
    assert "result" in ws.answer("echo", {"say": "hi"})
    assert ws.answer("initialize", {"_meta": meta()})["error"]["code"] == -32601


def test_listening_ends_when_it_is_cancelled(ws: Client) -> None:
    """What changed is told with the subscription's id; other calls go on meanwhile."""
    wanted = {"notifications": {"toolsListChanged": True}, "_meta": meta()}
    ws.call("subscriptions/listen", wanted, id="listening")
    acknowledged = ws.next()
    assert acknowledged["method"] == "notifications/subscriptions/acknowledged"
    assert acknowledged["params"]["_meta"][PREFIX + "subscriptionId"] == "listening"
    ws.call("change", {})
    assert ws.next()["method"] == "notifications/tools/list_changed"
    assert "result" in ws.next()
    cancel = {"method": "notifications/cancelled", "params": {"requestId": "listening"}}
    ws.send({"jsonrpc": "2.0", **cancel})
    assert "result" in ws.answer("change", {})


def test_who_listens_is_told_of_the_end(tmp_path: Path) -> None:
    """A complete result, and then the connection closes."""
    with as_process(tmp_path, env={"DYNOGATE_TOOLSETS": TOOLSETS}) as live, client(live) as ws:
        wanted = {"notifications": {"toolsListChanged": True}, "_meta": meta()}
        ws.call("subscriptions/listen", wanted, id="listening")
        ws.next()
        assert live.process is not None
        live.process.terminate()
        assert ws.next()["result"]["resultType"] == "complete"
        with pytest.raises(ConnectionClosed):
            ws.next()
        assert ws.socket.close_code == frames.SERVICE_RESTART
        until(lambda: live.process is not None and live.process.poll() is not None, "the end")
