"""What a client may do with a WebSocket before and beneath its messages."""

import asyncio
import contextlib
import dataclasses
import socket
import threading
import time
from collections.abc import Awaitable, Callable, Iterator, MutableMapping
from socket import SO_SNDBUF, SOL_SOCKET
from typing import Any, cast

import pytest
from starlette.applications import Starlette
from websockets.exceptions import ConnectionClosed
from websockets.sync.client import connect

from dynogate.transports.websocket_protocol import Limits, Rules, WebSocketProtocol
from dynogate.wire import frames
from dynogate.wire.frames import Closing
from tests.live import Live, in_process, until
from tests.sockets import Raw, frame, handshake, ws_url

PATIENT = Limits(
    max_bytes=1000, message_sec=20, ping_sec=20, pong_sec=20, write_sec=20, close_sec=0.5
)
HASTY = Limits(
    max_bytes=1000, message_sec=0.4, ping_sec=0.4, pong_sec=0.4, write_sec=0.4, close_sec=0.4
)
BIG = b"x" * 100_000

Receive = Callable[[], Awaitable[MutableMapping[str, Any]]]
Send = Callable[[MutableMapping[str, Any]], Awaitable[None]]


class Echo:
    """Says what it hears; ``big`` is answered at length."""

    def __init__(self, app: "App") -> None:
        self._app = app
        self._socket: WebSocketProtocol

    def opened(self, socket: WebSocketProtocol) -> None:
        self._socket = socket
        self._app.open += 1
        if self._app.scope["path"] == "/narrow":
            kernels: Any = socket._transport.get_extra_info("socket")
            kernels.setsockopt(SOL_SOCKET, SO_SNDBUF, 4096)

    def received(self, message: bytes) -> None:
        self._app.heard += 1
        if message == b"much":
            self._app.tasks.append(asyncio.get_running_loop().create_task(self._say_much()))
        else:
            self._socket.send(BIG if message == b"big" else message)

    async def _say_much(self) -> None:
        """More than any buffer takes, then what can be left out, then what can wait."""
        for _ in range(10):
            await self._socket.ready()
            self._socket.send(BIG * 10)
        for number in range(100):
            self._socket.send(str(number).encode())
        await self._socket.ready()
        self._socket.send(b"ready")

    def ended(self, closing: Closing) -> None:
        self._app.open -= 1
        self._app.ends.append(closing.code)


class App:
    """An ASGI app that lets everyone in, but for some paths."""

    def __init__(self, limits: Limits) -> None:
        self.limits = limits
        self.open = self.heard = 0
        self.ends: list[int] = []
        self.scope: MutableMapping[str, Any] = {}
        self.tasks: list[asyncio.Task[None]] = []
        self.slow = threading.Event()

    async def __call__(self, scope: MutableMapping[str, Any], receive: Receive, send: Send) -> None:
        if scope["type"] != "websocket":
            raise RuntimeError("WebSockets only")
        self.scope = scope
        assert (await receive())["type"] == "websocket.connect"
        if scope["path"] == "/fault":
            raise RuntimeError("secret detail")
        if scope["path"] == "/silence":
            return
        if scope["path"] == "/slow":
            await asyncio.to_thread(self.slow.wait, 10)
        if scope["path"] == "/closed":
            await send({"type": "websocket.close"})
            await send({"type": "websocket.accept"})
        if scope["path"] == "/refused":
            headers = [(b"x-why", b"because")]
            await send({"type": "websocket.http.response.start", "status": 429, "headers": headers})
            await send({"type": "websocket.http.response.body", "body": b"no"})
            return
        await send(
            {
                "type": "websocket.accept",
                "subprotocol": "x" if "x" in scope["subprotocols"] else None,
                "headers": [(b"x-more", b"1")],
                "receiver": Echo(self),
                "rules": Rules(self.limits),
            }
        )


@contextlib.contextmanager
def serving(limits: Limits) -> Iterator[tuple[App, Live]]:
    app = App(limits)
    with in_process(cast(Starlette, app), plain=True) as live:
        yield app, live


@pytest.fixture(scope="module")
def shared() -> Iterator[tuple[App, Live]]:
    with serving(PATIENT) as both:
        yield both


@pytest.fixture
def patient(shared: tuple[App, Live]) -> tuple[App, Live]:
    app, _ = shared
    until(lambda: app.open == 0, "the connections of other tests to end")
    return shared


@pytest.fixture
def hasty() -> Iterator[tuple[App, Live]]:
    with serving(HASTY) as both:
        yield both


def test_the_app_is_asked_as_asgi_has_it(patient: tuple[App, Live]) -> None:
    """And its answer is the handshake's."""
    app, live = patient
    with connect(ws_url(live, "/a%20b?q=1"), subprotocols=["x", "y"]) as ws:  # type: ignore[list-item]
        assert ws.subprotocol == "x"
        assert ws.response is not None
        assert ws.response.headers["x-more"] == "1"
        assert "Sec-WebSocket-Extensions" not in ws.response.headers
    assert app.scope["path"] == "/a b"
    assert app.scope["raw_path"] == b"/a%20b"
    assert app.scope["query_string"] == b"q=1"
    assert app.scope["subprotocols"] == ["x", "y"]
    assert (b"host", live.url.removeprefix("http://").encode()) in app.scope["headers"]
    assert app.scope["client"][0] == "127.0.0.1"


@pytest.mark.parametrize(
    ("head", "status"),
    [
        (handshake(Sec_WebSocket_Version="12"), b"400"),
        (handshake(Sec_WebSocket_Key=""), b"400"),
        (handshake(Sec_WebSocket_Key="short"), b"400"),
        (handshake(X_Long="x" * 20_000), b"431"),
        (handshake().replace(b"GET", b"PUT"), b"405"),
        (handshake().replace(b"/ws", b"/fault"), b"500"),
        (handshake().replace(b"/ws", b"/silence"), b"500"),
        (handshake().replace(b"/ws", b"/closed"), b"403"),
        (handshake().replace(b"/ws", b"/refused"), b"429"),
    ],
)
def test_a_handshake_that_fails_gets_its_status(
    patient: tuple[App, Live], head: bytes, status: bytes
) -> None:
    """And the connection is closed."""
    with Raw(patient[1], head=head) as raw:
        assert raw.answer.startswith(b"HTTP/1.1 " + status + b" ")
        assert b"secret" not in raw.answer + b"".join(iter(lambda: raw.socket.recv(4096), b""))


def test_a_refusal_has_the_apps_headers(patient: tuple[App, Live]) -> None:
    """Retry-After, say."""
    with Raw(patient[1], head=handshake().replace(b"/ws", b"/refused")) as raw:
        assert b"\r\nx-why: because\r\n" in raw.answer


def test_a_message_in_fragments_is_one(patient: tuple[App, Live]) -> None:
    """With a ping between them, which is answered first."""
    with Raw(patient[1]) as raw:
        raw.send(frames.TEXT, b"one ", fin=False)
        raw.send(frames.PING, b"there?")
        raw.send(frames.CONTINUATION, b"", fin=False)
        raw.send(frames.CONTINUATION, b"message")
        told = raw.frames()
        assert next(told) == (frames.PONG, b"there?")
        assert next(told) == (frames.TEXT, b"one message")


@pytest.mark.parametrize(
    ("sent", "code"),
    [
        (frame(frames.BINARY, b"x"), frames.UNSUPPORTED_DATA),
        (frame(frames.TEXT, b"\xff"), frames.INVALID_DATA),
        (frame(frames.TEXT, b"\xed\xa0\x80"), frames.INVALID_DATA),  # half a surrogate pair
        (frame(frames.TEXT, b"x" * 1001), frames.TOO_BIG),
        (b"\x81\xff" + (2**40).to_bytes(8), frames.TOO_BIG),
        (frame(frames.TEXT, b"x" * 600, fin=False) * 1 + frame(0, b"x" * 600), frames.TOO_BIG),
        (frames.encode(frames.TEXT, b"not masked"), frames.PROTOCOL_ERROR),
        (b"\xc1" + frame(frames.TEXT, b"compressed?")[1:], frames.PROTOCOL_ERROR),
        (frame(frames.CONTINUATION, b"of nothing"), frames.PROTOCOL_ERROR),
        (frame(frames.CLOSE, b"\x03"), frames.PROTOCOL_ERROR),
        (frame(frames.CLOSE, b"\x03\xec"), frames.PROTOCOL_ERROR),
        (frame(frames.CLOSE, b"\x0f\xa1bye"), 4001),
        (frame(frames.CLOSE, b""), frames.NO_STATUS),
    ],
)
def test_a_broken_rule_has_its_close_code(
    patient: tuple[App, Live], sent: bytes, code: int
) -> None:
    """RFC 6455, section 7.4.1; nothing after it is heard."""
    app, live = patient
    heard, ends = app.heard, len(app.ends)
    with Raw(live) as raw:
        raw.socket.sendall(sent + frame(frames.TEXT, b"more"))
        assert raw.closed_with() == code
    until(lambda: len(app.ends) > ends, "the end to be told")
    assert app.ends[-1] == code
    assert app.heard == heard


def test_who_never_answers_a_close_frame_is_cut_off(patient: tuple[App, Live]) -> None:
    """After a while in which its frames are not heard."""
    app, live = patient
    heard = app.heard
    with Raw(live) as raw:
        raw.send(frames.BINARY, b"x")
        started = time.monotonic()
        told = raw.frames()
        assert next(told)[0] == frames.CLOSE
        raw.send(frames.TEXT, b"more")
        raw.send(frames.PING, b"more")
        assert list(told) == []
        assert time.monotonic() - started < 5
    assert app.heard == heard


def test_who_goes_without_a_word_has_gone(patient: tuple[App, Live]) -> None:
    """By FIN or by RST: the code says that no close frame came."""
    app, live = patient
    for linger in (False, True):
        ends = len(app.ends)
        with Raw(live) as raw:
            if linger:
                option = (1).to_bytes(4, "little") + bytes(4)
                raw.socket.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, option)
        until(lambda seen=ends: len(app.ends) > seen, "the end to be told")
        assert app.ends[-1] == frames.ABNORMAL


def test_who_does_not_answer_pings_is_gone() -> None:
    """A half-open connection: the peer's machine was switched off, and will answer nothing else."""
    with serving(dataclasses.replace(HASTY, close_sec=30)) as (app, live), Raw(live) as raw:
        told = raw.frames()
        assert next(told) == (frames.PING, b"")
        assert next(told)[0] == frames.CLOSE
        started = time.monotonic()
        assert list(told) == []
        assert time.monotonic() - started < 5
        assert app.ends == [frames.INTERNAL_ERROR]


def test_who_answers_pings_stays(hasty: tuple[App, Live]) -> None:
    """However quiet they are."""
    app, live = hasty
    with connect(ws_url(live), ping_interval=None) as ws:
        with pytest.raises(TimeoutError):
            ws.recv(timeout=2.5)
        ws.send("hi")
        assert ws.recv(timeout=10) == "hi"
    assert app.ends == [frames.NORMAL]


@pytest.mark.parametrize(
    "sent", [frame(frames.TEXT, b"slow")[:-1], frame(frames.TEXT, b"slow", fin=False), b"\x81"]
)
def test_a_message_that_does_not_end_ends_the_connection(
    hasty: tuple[App, Live], sent: bytes
) -> None:
    """Though the client answers pings meanwhile, or sends empty fragments."""
    app, live = hasty
    with Raw(live) as raw:
        raw.socket.sendall(sent)
        for opcode, _ in raw.frames():
            if opcode == frames.CLOSE:
                break
            if len(sent) > 2 and not sent[0] & 0x80:
                raw.send(frames.PONG, b"")
                raw.send(frames.CONTINUATION, b"", fin=False)
    until(lambda: bool(app.ends), "the end")
    assert app.ends == [frames.POLICY_VIOLATION]


def test_who_does_not_read_is_closed_and_cut_off(hasty: tuple[App, Live]) -> None:
    """What waits for them stays bounded, and nothing more is asked for them meanwhile."""
    app, live = hasty
    with Raw(live, receive_buffer=4096) as raw:
        with contextlib.suppress(OSError):
            raw.socket.settimeout(0.5)
            for _ in range(2000):
                raw.socket.sendall(frame(frames.TEXT, b"big") * 10)
        heard = app.heard
        assert heard < 1000
        until(lambda: bool(app.ends), "the end")
        assert app.heard - heard < 100
    assert app.ends == [frames.TRY_AGAIN_LATER]
    assert app.open == 0


def test_who_reads_again_in_time_misses_no_answer(patient: tuple[App, Live]) -> None:
    """What was asked while nothing could be sent is served then."""
    app, live = patient
    heard = app.heard
    with Raw(live, receive_buffer=4096) as raw:
        raw.socket.sendall(frame(frames.TEXT, b"big") * 200 + frame(frames.TEXT, b"last"))
        until(lambda: app.heard > heard, "the first ones")
        time.sleep(0.3)
        assert app.heard - heard < 200
        lengths = []
        for _, payload in raw.frames():
            lengths.append(len(payload))
            if payload == b"last":
                break
    assert lengths == [len(BIG)] * 200 + [4]


def test_who_reads_slowly_is_served(hasty: tuple[App, Live]) -> None:
    """As long as something moves, it is not stuck: not even after the server's close frame."""
    app, live = hasty
    expected = 4 * len(frames.encode(frames.TEXT, BIG))
    head = handshake().replace(b"/ws", b"/narrow")
    with Raw(live, receive_buffer=4096, head=head) as raw:
        raw.socket.sendall(frame(frames.TEXT, b"big") * 4 + frame(frames.BINARY, b""))
        got = b""
        while len(got) < expected:
            got += raw.socket.recv(20_000)
            time.sleep(0.02)  # slow is what this is about
    assert app.ends == [frames.UNSUPPORTED_DATA]


def test_what_can_be_left_out_is_left_out_for_who_does_not_read(
    patient: tuple[App, Live],
) -> None:
    """What can wait, waits; in its order."""
    head = handshake().replace(b"/ws", b"/narrow")
    with Raw(patient[1], receive_buffer=4096, head=head) as raw:
        raw.send(frames.TEXT, b"much")
        time.sleep(0.5)  # the server writes what it can
        told = []
        for _, payload in raw.frames():
            told.append(payload)
            if payload == b"ready":
                break
    numbers = [payload for payload in told if len(payload) <= len(b"ready")]
    assert numbers[-1] == b"ready"
    assert numbers[:-1] == [str(number).encode() for number in range(len(numbers) - 1)]
    assert len(numbers) - 1 < 100


def test_who_goes_before_the_app_has_answered_is_told_to_it(patient: tuple[App, Live]) -> None:
    """Nothing is left of the connection."""
    app, live = patient
    app.slow.clear()
    address = live.url.removeprefix("http://").split(":")
    with socket.create_connection((address[0], int(address[1]))) as leaving:
        leaving.sendall(handshake().replace(b"/ws", b"/slow"))
        until(lambda: app.scope.get("path") == "/slow", "the app to be asked")
    ends = len(app.ends)
    app.slow.set()
    until(lambda: len(app.ends) > ends, "the end to be told")
    assert app.ends[-1] == frames.ABNORMAL
    assert app.open == 0


def test_a_flood_of_pings_is_answered_as_fast_as_it_is_read(patient: tuple[App, Live]) -> None:
    """Not faster: pongs that nobody reads would pile up without bound."""
    flood = frame(frames.PING, b"x" * 125) * 1000
    sent = 0
    with Raw(patient[1], receive_buffer=4096) as raw:
        raw.socket.settimeout(1)
        with contextlib.suppress(TimeoutError):
            while sent < 100_000_000:
                sent += raw.socket.send(flood)
    assert sent < 50_000_000  # what the kernel's buffers take


def test_the_client_of_the_library_closes_cleanly(patient: tuple[App, Live]) -> None:
    """Its own code comes back."""
    with connect(ws_url(patient[1])) as ws:
        ws.close(4002, "enough")
        with pytest.raises(ConnectionClosed):
            ws.recv(timeout=5)
        assert ws.close_code == 4002


def test_a_server_that_stops_refuses_who_is_not_in_yet() -> None:
    """The app's answer comes too late."""
    with contextlib.ExitStack() as server, socket.socket() as client:
        app, live = server.enter_context(serving(PATIENT))
        host, port = live.url.removeprefix("http://").split(":")
        client.connect((host, int(port)))
        client.sendall(handshake().replace(b"/ws", b"/slow"))
        until(lambda: app.scope.get("path") == "/slow", "the app to be asked")
        threading.Timer(0.5, app.slow.set).start()
        server.close()
        client.settimeout(10)
        assert client.recv(100).startswith(b"HTTP/1.1 503 ")
    assert app.ends == []


def test_a_server_that_stops_says_so() -> None:
    """To those that are still connected when the time to finish is over."""
    with contextlib.ExitStack() as server:
        app, live = server.enter_context(serving(PATIENT))
        with connect(ws_url(live)) as ws:
            server.close()
            with pytest.raises(ConnectionClosed):
                ws.recv(timeout=5)
            assert ws.close_code == frames.SERVICE_RESTART
    assert app.ends == [frames.SERVICE_RESTART]
