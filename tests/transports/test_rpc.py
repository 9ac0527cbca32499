import json
import socket
import time
from collections.abc import Iterator

import pytest

from dynogate.app import build_app
from dynogate.settings import load_settings
from tests.live import Live, in_process
from tests.toolset import cancelled


@pytest.fixture(scope="module")
def live(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Live]:
    settings = load_settings(
        data_dir=tmp_path_factory.mktemp("data"),
        toolsets="tests.toolset:toolset",
        max_running_jobs=1,
        max_queued_jobs=0,
        max_batch=5,
        max_body_bytes=4096,
    )
    with in_process(build_app(settings)) as live:
        yield live


def rpc(method: str, params: object = None, **more: object) -> dict[str, object]:
    return {"jsonrpc": "2.0", "id": 1, "method": method, "params": params or {}, **more}


def test_a_tool_is_called_by_its_name(live: Live) -> None:
    """The result is an MCP CallToolResult; the client id reaches the tool."""
    answer = live.post(rpc("echo", {"say": "hi", "times": 2, "_client_id": "me"}))
    assert answer.status_code == 200
    assert answer.headers["content-type"] == "application/json"
    assert answer.json() == {
        "jsonrpc": "2.0",
        "id": 1,
        "result": {
            "content": [{"type": "text", "text": "hi hi"}],
            "structuredContent": {
                "said": "hi",
                "times": 2,
                "client_id": "me",
                "principal": "local",
            },
            "isError": False,
        },
    }


def test_a_tool_is_called_by_tools_call(live: Live) -> None:
    """The same result as by its name."""
    answer = live.post(rpc("tools/call", {"name": "echo", "arguments": {"say": "hi"}})).json()
    assert answer["result"]["structuredContent"]["said"] == "hi"


@pytest.mark.parametrize(
    ("body", "status", "code"),
    [
        (rpc("eco"), 404, -32601),
        (rpc("tools/call", {"name": "eco"}), 404, -32602),
        (rpc("tools/call", {"name": 1}), 400, -32602),
        (rpc("echo", {"say": 1}), 400, -32602),
        (rpc("echo", ["hi"]), 400, -32602),
        (rpc("crash"), 500, -32603),
        (rpc("refuse"), 504, 1504),
        ({"jsonrpc": "1.0", "id": 1, "method": "echo"}, 400, -32600),
        ([], 400, -32600),
        ([1] * 6, 400, -32600),
    ],
)
def test_an_error_has_its_code_and_status(live: Live, body: object, status: int, code: int) -> None:
    """Never a result beside an error, and never a 200."""
    answer = live.post(body)
    assert answer.status_code == status
    assert answer.json()["error"]["code"] == code
    assert "result" not in answer.json()


@pytest.mark.parametrize(
    ("arguments", "code"),
    [({"name": "refuse"}, 1504), ({"name": "echo", "arguments": {"say": 1}}, -32602)],
)
def test_a_failed_tool_is_an_error_result_for_tools_call(
    live: Live, arguments: object, code: int
) -> None:
    """As MCP has it: the model sees what went wrong and may correct itself."""
    answer = live.post(rpc("tools/call", arguments))
    assert answer.status_code == 200
    assert answer.json()["result"]["isError"] is True
    assert answer.json()["result"]["structuredContent"]["code"] == code


def test_a_fault_of_ours_is_not_told_in_detail(live: Live) -> None:
    """Clients learn where to look, not what is inside."""
    assert "secret" not in live.post(rpc("crash")).text
    failed = live.post(rpc("tools/call", {"name": "crash"}))
    assert failed.status_code == 500
    assert failed.json()["error"]["code"] == -32603


@pytest.mark.parametrize("method", ["echo", "nonsense"])
def test_a_notification_is_accepted_without_an_answer(live: Live, method: str) -> None:
    """Even one that fails: JSON-RPC forbids to answer it."""
    answer = live.post({"jsonrpc": "2.0", "method": method, "params": {"say": "x"}})
    assert (answer.status_code, answer.content) == (202, b"")


def test_a_batch_is_answered_in_order_and_without_its_notifications(live: Live) -> None:
    """Each member by its own id; errors beside results."""
    batch = [
        rpc("echo", {"say": "a"}, id="x"),
        {"jsonrpc": "2.0", "method": "echo", "params": {"say": "b"}},
        rpc("nonsense", id=7),
        1,
    ]
    answer = live.post(batch)
    assert answer.status_code == 200
    assert [(each["id"], "error" in each) for each in answer.json()] == [
        ("x", False),
        (7, True),
        (None, True),
    ]


def test_a_batch_of_notifications_is_accepted(live: Live) -> None:
    """Nothing to answer, so 202."""
    batch = [{"jsonrpc": "2.0", "method": "echo", "params": {"say": "b"}}]
    assert live.post(batch).status_code == 202


@pytest.mark.parametrize(
    ("content", "headers", "status"),
    [
        (b"{", {}, 400),
        (b"\xff", {}, 400),
        (b"[" * 4000, {}, 400),
        (b" " * 5000, {}, 413),
        (b"{}", {"content_type": "text/plain"}, 415),
        (b"{}", {"origin": "http://evil.example"}, 403),
        (b"{}", {"host": "evil.example"}, 403),
    ],
)
def test_what_is_refused_before_any_tool(
    live: Live, content: bytes, headers: dict[str, str], status: int
) -> None:
    """A JSON-RPC error with a null id, and the HTTP status that fits."""
    answer = live.post(content=content, **headers)
    assert answer.status_code == status
    assert answer.json()["id"] is None


def test_other_methods_than_post_are_refused(live: Live) -> None:
    """With the Allow header and a JSON body."""
    answer = live.get("/mcp/tools/call")
    assert answer.status_code == 405
    assert "POST" in answer.headers["allow"]
    assert live.get("/nowhere").json() == {"error": "Not Found"}


def start_waiting(live: Live, body: object) -> socket.socket:
    """Send a call and leave it unanswered."""
    host, port = live.url.removeprefix("http://").split(":")
    client = socket.create_connection((host, int(port)))
    data = json.dumps(body).encode()
    head = (
        f"POST /mcp/tools/call HTTP/1.1\r\nHost: {host}\r\nContent-Type: application/json\r\n"
        f"Content-Length: {len(data)}\r\n\r\n"
    )
    client.sendall(head.encode() + data)
    return client


def until_jobs_run(live: Live, count: int) -> None:
    deadline = time.monotonic() + 10
    while live.get("/status").json()["jobs"]["running"] != count:
        assert time.monotonic() < deadline
        time.sleep(0.01)


@pytest.mark.parametrize(
    "body",
    [rpc("wait", {"seconds": 60}), [rpc("wait", {"seconds": 60})],
     rpc("tools/call", {"name": "wait", "arguments": {"seconds": 60}})],
)  # fmt: skip
def test_a_client_that_hangs_up_cancels_its_call(live: Live, body: object) -> None:
    """The job stops and gives its place back."""
    cancelled.clear()
    with start_waiting(live, body):
        until_jobs_run(live, 1)
    until_jobs_run(live, 0)
    assert cancelled.wait(5)


@pytest.mark.parametrize(
    "body",
    [
        rpc("wait", {"seconds": 0}),
        rpc("tools/call", {"name": "wait", "arguments": {"seconds": 0}}),
    ],
)
def test_a_full_queue_is_told_with_retry_after(live: Live, body: object) -> None:
    """503 for both kinds of call: the tool didn't fail, the gateway is busy."""
    with start_waiting(live, rpc("wait", {"seconds": 60})):
        until_jobs_run(live, 1)
        answer = live.post(body)
    assert answer.status_code == 503
    assert int(answer.headers["retry-after"]) >= 1
    assert answer.json()["error"]["code"] == 1503
    until_jobs_run(live, 0)


def test_a_long_call_is_answered_while_its_client_waits(live: Live) -> None:
    """The watch for a hang-up doesn't get in the way."""
    assert live.result("wait", seconds=0.05)["said"] == "waited"
