"""WebSocket clients for tests: a real one, and one that breaks rules."""

import base64
import contextlib
import json
import os
import socket
from collections.abc import Iterator
from typing import Any
from urllib.parse import urlsplit

from websockets.sync.client import ClientConnection, connect

from dynogate.wire import frames
from tests.live import Live


def ws_url(live: Live, path: str = "/ws") -> str:
    return live.url.replace("http:", "ws:", 1) + path


class Client:
    """A connection by the websockets library, for JSON-RPC."""

    def __init__(self, socket: ClientConnection) -> None:
        self.socket = socket

    def send(self, message: object) -> None:
        self.socket.send(message if isinstance(message, str) else json.dumps(message))

    def call(self, method: str, params: object = None, **more: object) -> None:
        self.send({"jsonrpc": "2.0", "id": 1, "method": method, "params": params or {}, **more})

    def next(self) -> Any:
        return json.loads(self.socket.recv(timeout=30))

    def answer(self, method: str, params: object = None, **more: object) -> Any:
        self.call(method, params, **more)
        return self.next()


@contextlib.contextmanager
def client(live: Live, path: str = "/ws", **options: Any) -> Iterator[Client]:
    """A client that has connected."""
    with connect(ws_url(live, path), **options) as socket:
        yield Client(socket)


class Raw:
    """A connection whose bytes the test writes itself."""

    def __init__(self, live: Live, *, receive_buffer: int | None = None, head: bytes = b"") -> None:
        address = urlsplit(live.url)
        self.socket = socket.socket()
        if receive_buffer is not None:
            self.socket.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, receive_buffer)
        self.socket.settimeout(20)
        self.socket.connect((address.hostname, address.port))
        self.socket.sendall(head or handshake())
        self.answer = self._head()

    def _head(self) -> bytes:
        told = b""
        while b"\r\n\r\n" not in told:
            data = self.socket.recv(1)
            if not data:
                break
            told += data
        return told

    def send(self, opcode: int, payload: bytes, *, fin: bool = True) -> None:
        with contextlib.suppress(ConnectionError):
            self.socket.sendall(frame(opcode, payload, fin=fin))

    def frames(self) -> Iterator[tuple[int, bytes]]:
        """What the server sends, until it hangs up."""
        with contextlib.suppress(ConnectionError):
            while head := self._exactly(2):
                size = head[1]
                if size >= 126:
                    size = int.from_bytes(self._exactly(2 if size == 126 else 8))
                yield head[0] & 0x0F, self._exactly(size)

    def closed_with(self) -> int | None:
        """The code of the close frame that comes after whatever else; None where none comes."""
        for opcode, payload in self.frames():
            if opcode == frames.CLOSE:
                self.send(frames.CLOSE, payload)
                return frames.read_close(payload).code
        return None

    def _exactly(self, size: int) -> bytes:
        found = b""
        while len(found) < size:
            data = self.socket.recv(size - len(found))
            if not data:
                return b""
            found += data
        return found

    def __enter__(self) -> "Raw":
        return self

    def __exit__(self, *_: object) -> None:
        self.socket.close()


def handshake(**headers: str) -> bytes:
    """A request that opens a WebSocket at /ws, with other headers where they are given."""
    wanted = {
        "Host": "localhost",
        "Connection": "Upgrade",
        "Upgrade": "websocket",
        "Sec-WebSocket-Version": "13",
        "Sec-WebSocket-Key": base64.b64encode(os.urandom(16)).decode(),
        **{name.replace("_", "-"): value for name, value in headers.items()},
    }
    lines = ["GET /ws HTTP/1.1", *(f"{name}: {value}" for name, value in wanted.items() if value)]
    return "\r\n".join([*lines, "", ""]).encode()


def frame(opcode: int, payload: bytes, *, fin: bool = True) -> bytes:
    """A client's frame; not always a legal one."""
    plain = frames.encode(opcode, payload)
    head = len(plain) - len(payload)
    first = plain[0] & (0xFF if fin else 0x7F)
    return bytes((first, plain[1] | 0x80)) + plain[2:head] + bytes(4) + payload
