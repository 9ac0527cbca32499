"""One WebSocket that many greenlets share: each waits for its own answer."""

import itertools
from collections.abc import Callable, Mapping
from typing import Any, cast

import gevent
import msgspec
from gevent import socket, ssl
from gevent.event import AsyncResult
from gevent.lock import Semaphore
from websockets.client import ClientProtocol
from websockets.exceptions import WebSocketException
from websockets.frames import Frame, Opcode
from websockets.protocol import State
from websockets.typing import BytesLike, Subprotocol
from websockets.uri import WebSocketURI, parse_uri

CONNECT_SEC = 10.0
CLOSE_SEC = 1.0
MAX_MESSAGE = 64 * 2**20
FAILURES = (WebSocketException, OSError)
"""What a socket that cannot be opened or used raises."""

_READ = 64 * 2**10
_DATA = (Opcode.TEXT, Opcode.BINARY, Opcode.CONT)
_encode = msgspec.json.Encoder().encode

Notified = Callable[[], None]


class SocketClosed(ConnectionError):
    """The connection ended before the answer came."""


class _Head(msgspec.Struct):
    """What tells where a message belongs."""

    id: int | str | None = None
    method: str | None = None
    params: msgspec.Raw = msgspec.Raw(b"{}")


class _Progress(msgspec.Struct):
    progressToken: int | str | None = None  # noqa: N815  # MCP's name


_decode = msgspec.json.Decoder(_Head).decode


class Socket:
    """A connection of JSON-RPC messages, one a text frame, with answers matched by their id.

    Args:
        url: ``ws://`` or ``wss://``.
        headers: further ones of the opening request.

    Raises:
        WebSocketException, OSError: it cannot be opened.
    """

    def __init__(self, url: str, headers: Mapping[str, str]) -> None:
        address = parse_uri(url)
        # No Origin: that is for browsers, and servers refuse those they do not know.
        self._protocol = ClientProtocol(
            address, subprotocols=[Subprotocol("mcp")], max_size=MAX_MESSAGE
        )
        self._stream = _connected(address)
        self._turn = Semaphore()
        try:
            self._shake_hands(headers)
        except BaseException:
            self._stream.close()
            raise
        self._ids = itertools.count(1)
        self._waiting: dict[int, AsyncResult[bytes]] = {}
        self._on_progress: dict[int, Notified] = {}
        self._parts: list[bytes] = []
        self._reader = gevent.spawn(self._read)

    @property
    def is_open(self) -> bool:
        """Whether calls may be made."""
        return self._protocol.state is State.OPEN and not self._reader.dead

    def call(
        self,
        method: str,
        params: dict[str, Any],
        timeout: float,
        on_progress: Notified | None = None,
    ) -> tuple[int, bytes]:
        """Send a request, and wait up to ``timeout`` seconds for its answer.

        Returns:
            The id that was sent, and the message that answered it.

        Raises:
            SocketClosed: the connection ended.
            TimeoutError: no answer in time.
        """
        number = next(self._ids)
        if on_progress is not None:
            self._on_progress[number] = on_progress
            params = {**params, "_meta": {**params.get("_meta", {}), "progressToken": number}}
        answer = self._waiting[number] = AsyncResult()
        try:
            self.send({"jsonrpc": "2.0", "id": number, "method": method, "params": params})
            return number, cast(bytes, answer.get(timeout=timeout))
        except gevent.Timeout:
            raise TimeoutError(f"no answer within {timeout:g} s") from None
        finally:
            self._waiting.pop(number, None)
            self._on_progress.pop(number, None)

    def send(self, message: dict[str, Any]) -> None:
        """Send one message.

        Raises:
            SocketClosed: the connection ended.
        """
        try:
            self._protocol.send_text(_encode(message))
            self._flush()
        except FAILURES as error:
            raise SocketClosed(str(error)) from error

    def close(self) -> None:
        """End the connection; what still waits for an answer gets SocketClosed."""
        if self._protocol.state is State.OPEN:
            try:
                self._protocol.send_close(1000)
                self._flush()
            except FAILURES:
                pass  # it has ended by itself
        self._reader.join(timeout=CLOSE_SEC)
        self._reader.kill()
        self._stream.close()

    def _shake_hands(self, headers: Mapping[str, str]) -> None:
        request = self._protocol.connect()
        request.headers.update(headers)
        self._protocol.send_request(request)
        self._flush()
        while self._protocol.state is State.CONNECTING:
            self._receive()
            if self._protocol.handshake_exc is not None:
                raise self._protocol.handshake_exc
        self._protocol.events_received()  # the response
        self._stream.settimeout(None)

    def _flush(self) -> None:
        """Send what the protocol has to say, one greenlet at a time: frames must not mix."""
        with self._turn:
            for data in self._protocol.data_to_send():
                if data:
                    self._stream.sendall(data)
                else:
                    self._stream.shutdown(socket.SHUT_WR)

    def _receive(self) -> bool:
        """Read some bytes; whether there were any."""
        data = self._stream.recv(_READ)
        if data:
            self._protocol.receive_data(data)
        else:
            self._protocol.receive_eof()
        return bool(data)

    def _read(self) -> None:
        reason = "the server closed the connection"
        try:
            self._take()  # what came with the response
            while self._receive():
                self._take()
                if self._protocol.writes:
                    self._flush()  # the answer to a ping, or to a close
                if self._protocol.close_rcvd or self._protocol.parser_exc:
                    reason = str(self._protocol.parser_exc or reason)
                    break
        except FAILURES as error:
            reason = str(error) or reason
        except msgspec.DecodeError as error:
            reason = f"the server sent what is no JSON-RPC message: {error}"
        finally:
            self._stream.close()
            for answer in self._waiting.values():
                answer.set_exception(SocketClosed(reason))

    def _take(self) -> None:
        for frame in self._protocol.events_received():
            assert isinstance(frame, Frame)
            if frame.opcode not in _DATA:
                continue
            if frame.fin and not self._parts:  # nearly every one: a whole message
                self._dispatch(frame.data)
                continue
            self._parts.append(bytes(frame.data))
            if frame.fin:
                message = b"".join(self._parts)
                self._parts.clear()
                self._dispatch(message)

    def _dispatch(self, message: BytesLike) -> None:
        head = _decode(message)
        if head.method is None:
            answer = self._waiting.get(head.id) if isinstance(head.id, int) else None
            if answer is not None:
                answer.set(bytes(message))
        elif head.method == "notifications/progress":
            token = msgspec.json.decode(head.params, type=_Progress).progressToken
            notified = self._on_progress.get(token) if isinstance(token, int) else None
            if notified is not None:
                notified()


def _connected(address: WebSocketURI) -> socket.socket:
    stream = socket.create_connection((address.host, address.port), CONNECT_SEC)
    stream.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
    if address.secure:
        return ssl.create_default_context().wrap_socket(stream, server_hostname=address.host)
    return stream
