"""What every request passes, whatever it asks for."""

import asyncio
import json
from collections.abc import Iterator, MutableMapping
from typing import Any

import httpx2
import pytest
from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Route
from starlette.types import Receive, Scope, Send
from structlog.testing import capture_logs

from dynogate.guards.drain import Drain
from dynogate.telemetry.access import AccessLog
from dynogate.telemetry.logs import request_id
from dynogate.telemetry.metrics import Metrics
from dynogate.transports.front import Front
from dynogate.transports.reception import Reception
from tests.live import Live, in_process

WAYS = {"/call": "rpc", "/fail": "rpc", "/half": "rpc"}


async def call(scope: Scope, receive: Receive, send: Send) -> None:
    await Response(request_id.get())(scope, receive, send)


async def fail(scope: Scope, receive: Receive, send: Send) -> None:
    raise RuntimeError("secret detail")


async def half(scope: Scope, receive: Receive, send: Send) -> None:
    await send({"type": "http.response.start", "status": 200, "headers": []})
    raise RuntimeError("secret detail")


async def probe(request: Request) -> Response:
    return Response("alive")


@pytest.fixture
def drain() -> Drain:
    return Drain()


@pytest.fixture
def metrics() -> Metrics:
    return Metrics()


@pytest.fixture
def live(drain: Drain, metrics: Metrics) -> Iterator[Live]:
    reception = Reception(drain, metrics, WAYS, access=AccessLog(1.0))
    endpoints = {"/call": call, "/fail": fail, "/half": half}
    with in_process(
        Front(reception, endpoints, routes=[Route("/probe", probe)]), plain=True
    ) as live:
        yield live


def post(live: Live, path: str = "/call", **headers: str) -> httpx2.Response:
    named = {name.replace("_", "-"): value for name, value in headers.items()}
    return httpx2.post(live.url + path, headers=named)


def counted(metrics: Metrics) -> set[str]:
    text = metrics.render().decode()
    return {line for line in text.splitlines() if line.startswith("dynogate_http_requests_total")}


def test_a_request_keeps_the_name_its_client_gave_it(live: Live) -> None:
    """In the answer, and for whoever logs meanwhile."""
    answer = post(live, x_request_id="trace:1/2.a")
    assert answer.headers["x-request-id"] == answer.text == "trace:1/2.a"


@pytest.mark.parametrize("name", ["", "a b", "x" * 129, 'a"b', "a;b"])
def test_a_name_that_is_none_is_replaced(live: Live, name: str) -> None:
    """A log must not be written by strangers; each request gets another name."""
    answer = post(live, x_request_id=name)
    assert answer.headers["x-request-id"] not in (name, post(live).headers["x-request-id"])


def test_requests_are_counted_by_way_and_status(live: Live, metrics: Metrics) -> None:
    """What is not a way in is a probe."""
    post(live)
    httpx2.get(live.url + "/probe")
    httpx2.get(live.url + "/nowhere")
    assert counted(metrics) == {
        'dynogate_http_requests_total{status="200",transport="rpc"} 1.0',
        'dynogate_http_requests_total{status="200",transport="probe"} 1.0',
        'dynogate_http_requests_total{status="404",transport="probe"} 1.0',
    }


def test_a_fault_of_ours_is_told_without_its_details(live: Live, drain: Drain) -> None:
    """A JSON-RPC error with status 500; the log has the rest."""
    with capture_logs() as logged:
        answer = post(live, "/fail")
    assert answer.status_code == 500
    assert answer.json()["error"]["code"] == -32603
    assert "secret" not in answer.text
    assert any(line["event"] == "request failed" for line in logged)
    assert drain.under_way == 0


def test_a_fault_halfway_cuts_the_connection(live: Live, drain: Drain) -> None:
    """The client must not take what came for the whole."""
    with pytest.raises(httpx2.RemoteProtocolError):
        post(live, "/half")
    assert drain.under_way == 0


def test_a_draining_process_refuses_calls_and_answers_probes(live: Live, drain: Drain) -> None:
    """503 with when to come back, on a connection that is closed then."""
    drain.begin()
    answer = post(live)
    assert answer.status_code == 503
    assert answer.headers["retry-after"] == "1"
    assert answer.headers["connection"] == "close"
    assert answer.json()["error"]["code"] == 1503
    alive = httpx2.get(live.url + "/probe")
    assert alive.status_code == 200
    assert alive.headers["connection"] == "close"


def test_the_access_log_tells_of_each_request(live: Live) -> None:
    """What was asked and answered, and how long it took; never the query, which may hold keys."""
    with capture_logs() as logged:
        httpx2.get(live.url + "/probe?api_key=secret")
    (line,) = [line for line in logged if line["event"] == "request"]
    assert line["seconds"] >= 0
    told = {name: line[name] for name in ("method", "path", "transport", "status", "client")}
    assert told == {
        "method": "GET",
        "path": "/probe",
        "transport": "probe",
        "status": 200,
        "client": "127.0.0.1",
    }
    assert "secret" not in json.dumps(logged)


def test_a_sample_of_the_access_log_has_every_server_error(drain: Drain, metrics: Metrics) -> None:
    """However small the share."""
    reception = Reception(drain, metrics, WAYS, access=AccessLog(1e-9))
    front = Front(reception, {"/call": call, "/fail": fail})
    with in_process(front, plain=True) as live, capture_logs() as logged:
        for path in ("/call", "/fail", "/call"):
            post(live, path)
    assert [line["status"] for line in logged if line["event"] == "request"] == [500]


async def test_what_is_cancelled_is_answered(drain: Drain, metrics: Metrics) -> None:
    """The server cancels what it cannot wait for any longer; that is no fault of the gateway."""
    sent: list[MutableMapping[str, Any]] = []

    async def send(message: MutableMapping[str, Any]) -> None:
        sent.append(message)

    async def receive() -> MutableMapping[str, Any]:
        return {"type": "http.request"}

    async def wait(scope: Scope, receive: Receive, send: Send) -> None:
        await asyncio.Event().wait()

    scope = {"type": "http", "path": "/call", "headers": []}
    reception = Reception(drain, metrics, WAYS)
    serving = asyncio.ensure_future(reception.receive(wait, scope, receive, send))
    await asyncio.sleep(0)
    serving.cancel()
    await serving
    assert sent[0]["status"] == 499
    assert drain.under_way == 0


async def test_a_websocket_is_refused_as_a_request_is(drain: Drain, metrics: Metrics) -> None:
    """With the error in the body, before it is opened; one that is closed unopened counts 403."""
    sent: list[MutableMapping[str, Any]] = []

    async def send(message: MutableMapping[str, Any]) -> None:
        sent.append(message)

    async def receive() -> MutableMapping[str, Any]:
        return {"type": "websocket.connect"}

    async def refuse(scope: Scope, receive: Receive, send: Send) -> None:
        await send({"type": "websocket.close"})

    scope = {"type": "websocket", "path": "/ws", "headers": []}
    reception = Reception(drain, metrics, WAYS)
    await reception.receive(refuse, scope, receive, send)
    drain.begin()
    await reception.receive(refuse, scope, receive, send)
    assert sent[1]["type"] == "websocket.http.response.start"
    assert json.loads(sent[2]["body"])["error"]["code"] == 1503
    assert counted(metrics) == {
        'dynogate_http_requests_total{status="403",transport="ws"} 1.0',
        'dynogate_http_requests_total{status="503",transport="ws"} 1.0',
    }
