"""Answers as one write say the same as uvicorn's, and leave to uvicorn what is not plain."""

import asyncio
import socket
import threading
from collections.abc import Callable, Iterator
from typing import Any

import pytest
import uvicorn
from uvicorn.protocols.http.httptools_impl import HttpToolsProtocol

from dynogate.transports.whole import WholeAnswers
from tests.live import until

Answer = tuple[int, list[tuple[bytes, bytes]], list[bytes]]
TEXT = (b"content-type", b"text/plain")

ANSWERS: dict[str, Answer] = {
    "/plain": (200, [(b"content-length", b"5"), TEXT], [b"hello"]),
    "/empty": (202, [(b"content-length", b"0")], [b""]),
    "/length-last": (200, [TEXT, (b"content-length", b"5")], [b"hello"]),
    "/parts": (200, [(b"content-length", b"10")], [b"hello", b"hello"]),
    "/stream": (200, [TEXT], [b"hello", b"hello"]),
    "/closing": (200, [(b"content-length", b"5"), (b"connection", b"close")], [b"hello"]),
    "/injected": (200, [(b"content-length", b"5"), (b"x", b"a\r\nb: c")], [b"hello"]),
    "/bare-cr": (200, [(b"content-length", b"5"), (b"x", b"a\rb")], [b"hello"]),
    "/too-long": (200, [(b"content-length", b"5")], [b"hello, world"]),
    "/too-short": (200, [(b"content-length", b"9")], [b"hello"]),
    "/two-lengths": (200, [(b"content-length", b"5"), (b"content-length", b"5")], [b"hello"]),
}


async def app(scope: Any, receive: Any, send: Any) -> None:
    if scope["path"] == "/fails":
        await send(
            {"type": "http.response.start", "status": 200, "headers": [(b"content-length", b"5")]}
        )
        raise RuntimeError("between head and body")
    status, headers, parts = ANSWERS[scope["path"]]
    await send({"type": "http.response.start", "status": status, "headers": headers})
    for number, part in enumerate(parts, 1):
        await send({"type": "http.response.body", "body": part, "more_body": number < len(parts)})


class Whole(HttpToolsProtocol):
    def on_headers_complete(self) -> None:
        super().on_headers_complete()
        self.cycle.__class__ = WholeAnswers


Ask = Callable[[str, str], bytes]


def asking(protocol: type[HttpToolsProtocol]) -> Iterator[Ask]:
    config = uvicorn.Config(
        app, http=protocol, lifespan="off", log_config=None, access_log=False, date_header=False
    )
    server = uvicorn.Server(config)
    listener = socket.create_server(("127.0.0.1", 0))
    thread = threading.Thread(target=server.run, kwargs={"sockets": [listener]})
    thread.start()

    def ask(method: str, path: str) -> bytes:
        with socket.create_connection(listener.getsockname(), 10) as client:
            client.sendall(
                f"{method} {path} HTTP/1.1\r\nHost: a\r\n\r\n".encode()
                + b"GET /plain HTTP/1.1\r\nHost: a\r\nConnection: close\r\n\r\n"
            )
            return b"".join(iter(lambda: client.recv(65536), b""))

    try:
        until(lambda: server.started, "the server to start")
        yield ask
    finally:
        server.should_exit = True
        thread.join(10)
        listener.close()


@pytest.fixture(scope="module")
def whole() -> Iterator[Ask]:
    yield from asking(Whole)


@pytest.fixture(scope="module")
def plain() -> Iterator[Ask]:
    yield from asking(HttpToolsProtocol)


def sorted_heads(answers: bytes) -> list[list[bytes]]:
    """Headers may come in any order."""
    return [sorted(part.split(b"\r\n")) for part in answers.split(b"\r\n\r\n")]


@pytest.mark.parametrize("path", sorted(ANSWERS))
@pytest.mark.parametrize("method", ["GET", "HEAD"])
def test_an_answer_is_uvicorns(whole: Ask, plain: Ask, method: str, path: str) -> None:
    """Its bytes, and what becomes of the request behind it on the same connection."""
    if path in ("/injected", "/bare-cr", "/too-long", "/too-short", "/two-lengths"):
        told = whole(method, path)
        assert b"\r\nb: c" not in told
        assert b"a\rb" not in told
    else:
        assert sorted_heads(whole(method, path)) == sorted_heads(plain(method, path))


def test_a_fault_between_head_and_body_is_told(whole: Ask) -> None:
    """Nothing was sent before, so that there is still a status to send."""
    assert whole("GET", "/fails").startswith(b"HTTP/1.1 500 ")


async def test_a_client_that_has_gone_is_sent_nothing() -> None:
    """As uvicorn has it."""
    cycle = WholeAnswers.__new__(WholeAnswers)
    cycle.disconnected = True
    cycle.default_headers = []
    cycle._held = {"status": 200, "headers": [(b"content-length", b"0")]}
    await cycle.send({"type": "http.response.body", "body": b""})
    await asyncio.sleep(0)
