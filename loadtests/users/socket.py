"""One WebSocket that many greenlets share: each waits for its own answer."""

import itertools
from collections.abc import Callable
from typing import Any, cast

import gevent
import msgspec
from gevent.event import AsyncResult
from websocket import WebSocket, WebSocketException, create_connection

CONNECT_SEC = 10.0
FAILURES = (WebSocketException, OSError)
"""What a socket that cannot be opened or used raises."""

_encoder = msgspec.json.Encoder()
_decoder = msgspec.json.Decoder()

Notified = Callable[[], None]


class SocketClosed(ConnectionError):
    """The connection ended before the answer came."""


class Socket:
    """A connection of JSON-RPC messages, one a text frame, with answers matched by their id.

    Args:
        url: ``ws://`` or ``wss://``.
        headers: lines such as ``Authorization: Bearer KEY``.

    Raises:
        WebSocketException, OSError: it cannot be opened.
    """

    def __init__(self, url: str, headers: list[str]) -> None:
        # No Origin: that is for browsers, and servers refuse those they do not know.
        self._socket: WebSocket = create_connection(
            url,
            timeout=CONNECT_SEC,
            header=headers,
            subprotocols=["mcp"],
            suppress_origin=True,
            enable_multithread=False,
        )
        self._socket.settimeout(None)
        self._ids = itertools.count(1)
        self._waiting: dict[int, AsyncResult[dict[str, Any]]] = {}
        self._on_progress: dict[int, Notified] = {}
        self._reader = gevent.spawn(self._read)

    @property
    def is_open(self) -> bool:
        """Whether calls may be made."""
        return not self._reader.dead

    def call(
        self,
        method: str,
        params: dict[str, Any],
        timeout: float,
        on_progress: Notified | None = None,
    ) -> tuple[int, dict[str, Any]]:
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
            return number, cast(dict[str, Any], answer.get(timeout=timeout))
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
            self._socket.send(_encoder.encode(message), opcode=0x1)
        except FAILURES as error:
            raise SocketClosed(str(error)) from error

    def close(self) -> None:
        """End the connection; what still waits for an answer gets SocketClosed."""
        self._socket.close(timeout=1)
        self._reader.join(timeout=2)
        self._reader.kill(block=False)

    def _read(self) -> None:
        reason = "the server closed the connection"
        try:
            while frame := self._socket.recv():
                self._dispatch(_decoder.decode(frame))
        except FAILURES as error:
            reason = str(error) or reason
        except (msgspec.DecodeError, TypeError) as error:
            reason = f"the server sent what is no JSON message: {error}"
        finally:
            for answer in self._waiting.values():
                answer.set_exception(SocketClosed(reason))

    def _dispatch(self, message: dict[str, Any]) -> None:
        if "method" not in message:
            answer = self._waiting.get(message.get("id", 0))
            if answer is not None:
                answer.set(message)
        elif message["method"] == "notifications/progress":
            notified = self._on_progress.get(message.get("params", {}).get("progressToken", 0))
            if notified is not None:
                notified()
