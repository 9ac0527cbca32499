"""The WebSocket that Locust's users share among their greenlets."""

import json
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager

import gevent
import pytest
from websockets.exceptions import ConnectionClosed, InvalidStatus
from websockets.http11 import Request, Response
from websockets.sync.server import Server, ServerConnection, serve

from loadtests.users.socket import FAILURES, Socket, SocketClosed

Handler = Callable[[ServerConnection], None]


@contextmanager
def server(handler: Handler) -> Iterator[str]:
    """The URL of a WebSocket server in a thread."""
    with serve(handler, "127.0.0.1", 0, ping_interval=None) as running:
        thread = threading.Thread(target=running.serve_forever)
        thread.start()
        yield _url(running)
        running.shutdown()
        thread.join()


def _url(running: Server) -> str:
    return f"ws://127.0.0.1:{running.socket.getsockname()[1]}/ws"


def answer(message: str | bytes, **fields: object) -> str:
    """A good answer to a request, with other fields where given."""
    return json.dumps({"jsonrpc": "2.0", "id": json.loads(message)["id"], "result": {}, **fields})


def called(url: str, calls: int = 1) -> list[tuple[int, dict[str, object]]]:
    """Calls at once on one connection: ids and answers."""
    connection = Socket(url, {})
    try:
        greenlets = [gevent.spawn(connection.call, "ping", {}, 5.0) for _ in range(calls)]
        told = [greenlet.get() for greenlet in greenlets]
    finally:
        connection.close()
    return [(number, json.loads(message)) for number, message in told]


def test_answers_find_their_calls_in_any_order() -> None:
    """Each caller gets what was said to its own id."""

    def backwards(connection: ServerConnection) -> None:
        requests = [connection.recv() for _ in range(3)]
        for request in reversed(requests):
            connection.send(answer(request, result={"to": json.loads(request)["id"]}))
        connection.recv()

    with server(backwards) as url:
        told = called(url, calls=3)
    assert [message["result"] for _, message in told] == [{"to": number} for number, _ in told]


def test_progress_is_told_while_a_call_waits() -> None:
    """By its token; what belongs to no call is passed over."""

    def tells(connection: ServerConnection) -> None:
        request = connection.recv()
        token = json.loads(request)["params"]["_meta"]["progressToken"]
        for each in (token, token, 99, None):
            params = {"progressToken": each, "progress": 1}
            note = {"jsonrpc": "2.0", "method": "notifications/progress", "params": params}
            connection.send(json.dumps(note))
        connection.send('{"jsonrpc":"2.0","id":12345,"result":{}}')
        connection.send(answer(request))
        connection.recv()

    heard: list[int] = []
    with server(tells) as url:
        connection = Socket(url, {})
        connection.call("ping", {}, 5.0, lambda: heard.append(1))
        connection.close()
    assert len(heard) == 2


def test_fragments_pings_and_long_messages_are_understood() -> None:
    """What RFC 6455 lets a server do, beside whole text frames."""

    def in_pieces(connection: ServerConnection) -> None:
        request = connection.recv()
        assert connection.ping().wait(5)
        whole = answer(request, result={"text": "x" * 200_000})
        connection.send(iter([whole[:10], whole[10:150_000], whole[150_000:]]))
        connection.recv()

    with server(in_pieces) as url:
        ((_, message),) = called(url)
    assert message["result"] == {"text": "x" * 200_000}


def test_headers_are_sent_and_no_origin_is() -> None:
    """Credentials arrive; gateways refuse origins that they do not know."""
    seen: list[str | None] = []

    def looks(connection: ServerConnection) -> None:
        request = connection.request
        assert request is not None
        seen.extend(request.headers.get(name) for name in ("Authorization", "Origin"))

    with server(looks) as url:
        connection = Socket(url, {"Authorization": "Bearer key"})
        connection.close()
    assert seen == ["Bearer key", None]


@pytest.mark.parametrize(
    ("says", "why"),
    [("bye", "closed"), ("[1, 2]", "no JSON-RPC message"), ("<html>", "no JSON-RPC message")],
)
def test_a_connection_that_ends_fails_what_waits_on_it(says: str, why: str) -> None:
    """At once, with the reason, and later calls as well."""

    def ends(connection: ServerConnection) -> None:
        connection.recv()
        if says == "bye":
            connection.close()
            return
        connection.send(says)
        with pytest.raises(ConnectionClosed):
            connection.recv(5)

    with server(ends) as url:
        connection = Socket(url, {})
        with pytest.raises(SocketClosed, match=why):
            connection.call("ping", {}, 5.0)
        assert not connection.is_open
        with pytest.raises(SocketClosed):
            connection.call("ping", {}, 5.0)
        connection.close()


def test_a_call_without_an_answer_ends_in_time() -> None:
    """The connection stays good for others."""

    def second_only(connection: ServerConnection) -> None:
        connection.recv()
        connection.send(answer(connection.recv()))
        connection.recv()

    with server(second_only) as url:
        connection = Socket(url, {})
        with pytest.raises(TimeoutError, match=r"no answer within 0\.05 s"):
            connection.call("ping", {}, 0.05)
        number, _ = connection.call("ping", {}, 5.0)
        assert number == 2
        connection.close()


def test_a_server_without_websockets_is_told_apart() -> None:
    """A refusal is a failure to connect, not a crash."""
    with serve(lambda _: None, "127.0.0.1", 0, process_request=_forbidden) as running:
        thread = threading.Thread(target=running.serve_forever)
        thread.start()
        with pytest.raises(FAILURES) as caught:
            Socket(_url(running), {})
        running.shutdown()
        thread.join()
    assert isinstance(caught.value, InvalidStatus)
    with pytest.raises(FAILURES):
        Socket("ws://127.0.0.1:1/ws", {})


def _forbidden(connection: ServerConnection, _: Request) -> Response:
    return connection.respond(403, "no\n")
