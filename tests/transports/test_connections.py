"""What a client may do with a connection: how long, how much, and how many of them."""

import contextlib
import os
import resource
import socket
import subprocess
import sys
import threading
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from dynogate.app import build_app
from dynogate.errors import Busy
from dynogate.settings import load_settings
from dynogate.transports.connections import check_files
from tests.live import Live, in_process, until

HEAD = b"POST /mcp/tools/call HTTP/1.1\r\nHost: localhost\r\nContent-Type: application/json\r\n"
HELLO = b'{"jsonrpc":"2.0","id":1,"method":"echo","params":{"say":"hi"}}'
CALL = HEAD + b"Content-Length: %d\r\n\r\n%b" % (len(HELLO), HELLO)


@contextlib.contextmanager
def gateway(data_dir: Path, **settings: Any) -> Iterator[Live]:
    settings = {"toolsets": "tests.toolset:toolset", **settings}
    loaded = load_settings(data_dir=data_dir, **settings)
    with in_process(build_app(loaded)) as live:
        yield live


@pytest.fixture(scope="module")
def live(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Live]:
    with gateway(
        tmp_path_factory.mktemp("data"),
        head_timeout_sec=1.0,
        body_timeout_sec=1.0,
        read_timeout_sec=1.0,
        max_head_bytes=4096,
        max_body_bytes=1024,
    ) as live:
        yield live


def connect(live: Live) -> socket.socket:
    host, port = live.url.removeprefix("http://").split(":")
    client = socket.create_connection((host, int(port)), 15)
    client.settimeout(15)
    return client


def read_all(client: socket.socket) -> bytes:
    """What comes until the gateway closes the connection."""
    told = b""
    with contextlib.suppress(ConnectionResetError):
        while data := client.recv(65536):
            told += data
    return told


def refused(live: Live, why: str) -> bool:
    return f'dynogate_refused_total{{error="{why}"}}' in live.get("/metrics").text


def test_a_connection_that_says_nothing_is_closed(live: Live) -> None:
    """Without a word."""
    with connect(live) as client:
        assert read_all(client) == b""


def test_a_connection_that_asks_nothing_more_is_closed(live: Live) -> None:
    """After the time for which uvicorn keeps connections, 5 s where nothing else is set."""
    with connect(live) as client:
        client.sendall(CALL)
        assert b"200 OK" in client.recv(65536)
        start = time.monotonic()
        assert read_all(client) == b""
        assert 4 < time.monotonic() - start < 10


def test_a_head_that_trickles_in_is_cut_off(live: Live) -> None:
    """However often another byte comes; told as 408, and counted."""
    with connect(live) as client:
        start = time.monotonic()
        client.settimeout(0.1)
        told = b""
        for byte in HEAD * 10:
            with contextlib.suppress(TimeoutError):
                client.sendall(bytes([byte]))
                told = client.recv(1024)
                break
        assert told.startswith(b"HTTP/1.1 408 ")
        assert time.monotonic() - start < 5
    assert refused(live, "HeadTimeout")


def test_a_second_head_that_trickles_in_is_cut_off_too(live: Live) -> None:
    """A good request before it changes nothing."""
    with connect(live) as client:
        client.sendall(CALL)
        assert client.recv(4096).startswith(b"HTTP/1.1 200 ")
        client.sendall(b"POST /mcp")
        assert read_all(client).startswith(b"HTTP/1.1 408 ")


@pytest.mark.parametrize("framing", [b"Content-Length: 60", b"Transfer-Encoding: chunked"])
def test_a_body_that_does_not_come_is_cut_off(live: Live, framing: bytes) -> None:
    """The call is answered with 408; the connection does not outlive it by much."""
    with connect(live) as client:
        start = time.monotonic()
        client.sendall(HEAD + framing + b"\r\n\r\n")
        told = read_all(client)
        assert time.monotonic() - start < 4.5
    assert told.startswith(b"HTTP/1.1 408 ")
    assert b'"code":1408' in told


@pytest.mark.parametrize("pieces", [1, 50])
def test_a_long_head_is_refused(live: Live, pieces: int) -> None:
    """Whether it comes at once or bit by bit."""
    head = HEAD + b"".join(b"X-%d: %s\r\n" % (n, b"a" * 100) for n in range(50))
    told = b""
    with connect(live) as client, contextlib.suppress(ConnectionError):
        step = len(head) // pieces
        for start in range(0, len(head), step):
            client.sendall(head[start : start + step])
        client.sendall(b"\r\n")
        told = read_all(client)
    assert told == b"" or told.startswith(b"HTTP/1.1 431 ")
    assert refused(live, "HeadTooLarge")


def test_a_long_head_in_one_piece_with_its_request_is_not_answered(live: Live) -> None:
    """It is there before it can be measured; its call gets no answer."""
    fat = CALL.replace(b"Host", b"X-Fat: " + b"a" * 5000 + b"\r\nHost", 1)
    with connect(live) as client:
        client.sendall(fat)
        assert b"200 OK" not in read_all(client)


def test_an_endless_body_is_cut_off(live: Live) -> None:
    """413 at once; what the client goes on sending is not kept, and not for ever."""
    chunk = b"400\r\n" + b" " * 1024 + b"\r\n"
    told = b""
    with connect(live) as client, contextlib.suppress(ConnectionError):
        client.sendall(HEAD + b"Transfer-Encoding: chunked\r\n\r\n" + chunk * 2)
        told = client.recv(4096)
        for _ in range(1000):
            client.sendall(chunk)
    assert told.startswith(b"HTTP/1.1 413 ")
    assert refused(live, "BodyTooLarge")


def test_endless_trailers_are_cut_off(live: Live) -> None:
    """Fields after the body are neither headers nor kept."""
    sent = 0
    with connect(live) as client, contextlib.suppress(ConnectionError):
        client.sendall(HEAD + b"Transfer-Encoding: chunked\r\n\r\n0\r\n")
        while sent < 10**8:
            client.sendall(b"X-Trailer: " + b"a" * 1000 + b"\r\n")
            sent += 1013
    assert sent < 10**8


def test_a_trailer_is_no_header(live: Live) -> None:
    """A second Host there is not seen as one (RFC 9110, section 6.5.1)."""
    size = b"%x" % len(HELLO)
    with connect(live) as client:
        client.sendall(
            HEAD + b"Transfer-Encoding: chunked\r\nConnection: close\r\n\r\n"
            + size + b"\r\n" + HELLO + b"\r\n0\r\nHost: evil.example\r\n\r\n"
        )  # fmt: skip
        assert read_all(client).startswith(b"HTTP/1.1 200 ")


@pytest.mark.parametrize(
    "framing",
    [
        b"Content-Length: 2\r\nTransfer-Encoding: chunked",
        b"Content-Length: 2\r\nContent-Length: 3",
        b"Content-Length: -1",
        b"Content-Length: 2, 3",
        b"Transfer-Encoding: chunked, identity",
        b"Transfer-Encoding : chunked",
        b"X: a\x00b",
        b"X: a\nY: b",
    ],
)
def test_a_request_that_two_could_read_differently_is_refused(live: Live, framing: bytes) -> None:
    """Request smuggling begins with these; each ends the connection with 400."""
    with connect(live) as client:
        client.sendall(HEAD + framing + b"\r\n\r\n{}")
        told = read_all(client)
    assert told.startswith(b"HTTP/1.1 400 ")
    assert told.count(b"HTTP/1.1") == 1


def test_an_answer_that_nobody_reads_is_given_up(tmp_path: Path) -> None:
    """A client that asks and asks and reads nothing does not fill our memory for long."""
    ask = b"GET /mcp/tools HTTP/1.1\r\nHost: localhost\r\n\r\n" * 10
    with gateway(tmp_path, read_timeout_sec=1.0) as live, connect(live) as client:

        def is_cut() -> bool:
            with contextlib.suppress(ConnectionError):
                client.sendall(ask)
            return refused(live, "AnswerUnread")

        until(is_cut, "the connection to be cut", 30)


def test_a_queue_of_requests_in_one_connection_is_bounded(live: Live) -> None:
    """Each would cost kilobytes until its turn comes."""
    with connect(live) as client:
        client.sendall(b"GET /health HTTP/1.1\r\nHost: localhost\r\n\r\n" * 1000)
        told = read_all(client)
    assert 1 <= told.count(b"HTTP/1.1") <= 20
    assert b"HTTP/1.1 400 " in told


FILES = """
import resource
resource.setrlimit(resource.RLIMIT_NOFILE, (200, 1000))
from dynogate.telemetry.metrics import Metrics
from dynogate.transports.connections import Connections
bounds = dict(head_sec=1, body_sec=1, read_sec=1, max_head_bytes=1, max_body_bytes=1)
print(*(Connections(highest=most, metrics=Metrics(), **bounds).highest for most in (10, 4096)))
"""


def test_connections_leave_files_for_the_rest() -> None:
    """A process that may open few takes few connections."""
    told = subprocess.check_output([sys.executable, "-c", FILES], text=True)
    assert told == "10 72\n"


def test_a_long_first_message_does_not_count_as_a_head(live: Live) -> None:
    """A client may send it right behind its upgrade, though it is left out (RFC 6455, 4.1)."""
    upgrade = (
        b"GET /ws HTTP/1.1\r\nHost: localhost\r\nConnection: Upgrade\r\nUpgrade: websocket\r\n"
        b"Sec-WebSocket-Version: 13\r\nSec-WebSocket-Key: MDEyMzQ1Njc4OWFiY2RlZg==\r\n\r\n"
    )
    with connect(live) as client:
        client.sendall(upgrade + b"a" * 8000)
        assert client.recv(4096).startswith(b"HTTP/1.1 101 ")


def test_beyond_so_many_connections_the_oldest_idle_one_goes(tmp_path: Path) -> None:
    """So that nobody can keep others out by holding connections open."""
    with gateway(tmp_path, max_connections=3) as live:
        silent = [connect(live) for _ in range(10)]
        for _ in range(3):
            assert live.get("/health").status_code == 200
        assert read_all(silent[0]) == b""
        for client in silent:
            client.close()


@pytest.mark.parametrize("strict", [True, False])
def test_what_waited_while_the_loop_was_held_up_is_refused(tmp_path: Path, strict: bool) -> None:
    """Even on a connection that nobody had accepted; by the setting, and only then."""
    with gateway(
        tmp_path, toolsets="tests.guards.slow_tools:toolset", shed_lag_sec=0.05 if strict else 5.0
    ) as live:
        body = {"jsonrpc": "2.0", "id": 1, "method": "hold", "params": {"seconds": 1.5}}
        holder = threading.Thread(target=live.post, args=(body,))
        holder.start()
        time.sleep(0.7)  # the loop cannot tell when it is held up
        answer = live.post({**body, "params": {"seconds": 0}})
        holder.join()
        assert answer.status_code == (503 if strict else 200)
        assert live.post({**body, "params": {"seconds": 0}}).status_code == 200


def test_where_every_connection_is_busy_a_new_one_gets_503(tmp_path: Path) -> None:
    """Those that are being served go on."""
    body = b'{"jsonrpc":"2.0","id":1,"method":"wait","params":{"seconds":60}}'
    call = HEAD + b"Content-Length: %d\r\n\r\n%b" % (len(body), body)
    with gateway(tmp_path, max_connections=2, max_running_jobs=2) as live:
        with connect(live) as one, connect(live) as two:
            for client in (one, two):
                client.sendall(call)
            time.sleep(0.3)  # until both are read; nothing tells from outside
            with connect(live) as third:
                assert read_all(third).startswith(b"HTTP/1.1 503 ")
        until(lambda: refused(live, "TooManyConnections"), "places to be free again", 15)


def test_a_process_that_can_open_no_more_files_says_so() -> None:
    """Readiness asks; it could take no connection either."""
    check_files()
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    with Path(os.devnull).open() as last:
        resource.setrlimit(resource.RLIMIT_NOFILE, (last.fileno() + 8, hard))
        try:
            with pytest.raises(Busy, match="too many files and connections"):
                check_files()
        finally:
            resource.setrlimit(resource.RLIMIT_NOFILE, (soft, hard))
    check_files()
