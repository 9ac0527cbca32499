"""WebSocket for uvicorn: the handshake by the ``websockets`` library, the rest by ourselves.

uvicorn's own class answers pings of a client that never reads without bound, keeps empty fragments
without bound, and waits for ever to close on a client that stopped reading; and it costs twice the
CPU time a message. This one speaks plain ASGI to the app, but that ``websocket.accept`` takes
``rules``, the :class:`Rules` of the connection.
"""

import asyncio
from collections.abc import MutableMapping
from dataclasses import dataclass
from enum import Enum
from typing import Any, cast
from urllib.parse import unquote

from uvicorn.config import Config
from uvicorn.protocols.utils import get_local_addr, get_remote_addr, is_ssl
from uvicorn.server import ServerState
from websockets.datastructures import Headers
from websockets.http11 import Request, Response
from websockets.server import ServerProtocol

from dynogate.telemetry.logs import get_logger
from dynogate.transports.protocol import HttpProtocol
from dynogate.transports.rounds import Rounds
from dynogate.wire import frames
from dynogate.wire.frames import Closing, FrameReader

log = get_logger(__name__)

Event = MutableMapping[str, Any]

_QUEUED = 64  # messages that wait for the app before reading is paused


@dataclass(frozen=True, slots=True)
class Limits:
    """What one connection may do.

    Attributes:
        max_bytes: the largest message.
        message_sec: time from a message's first byte to its last.
        ping_sec: a client that was silent for so long is asked whether it is there.
        pong_sec: time it has to answer.
        write_sec: time a client has to read on, once its buffers and ours are full.
        close_sec: time for the client's close frame, and for what is still to be sent.
    """

    max_bytes: int = 2**20
    message_sec: float = 20.0
    ping_sec: float = 20.0
    pong_sec: float = 20.0
    write_sec: float = 30.0
    close_sec: float = 5.0


class Rules:
    """Limits, and who sees to it that they are kept; of all connections of one event loop."""

    def __init__(self, limits: Limits) -> None:
        self.limits = limits
        times = (limits.message_sec, limits.ping_sec, limits.pong_sec, limits.write_sec)
        self.rounds = Rounds(min(*times, limits.close_sec) / 4, WebSocketProtocol.look_after)


class _Phase(Enum):
    OPENING = 0
    OPEN = 1
    CLOSING = 2
    CLOSED = 3


class WebSocketProtocol(asyncio.Protocol):
    """One WebSocket connection, from its handshake on."""

    __slots__ = (
        "_app_state",
        "_blocked_at",
        "_closing_at",
        "_config",
        "_drained",
        "_events",
        "_heard_at",
        "_limits",
        "_loop",
        "_partial_at",
        "_paused",
        "_phase",
        "_pinged_at",
        "_pong",
        "_reader",
        "_refusal",
        "_response",
        "_rounds",
        "_server",
        "_transport",
        "_waiting",
    )

    def __init__(
        self,
        config: Config,
        server_state: ServerState,
        app_state: dict[str, Any],
        _loop: asyncio.AbstractEventLoop | None = None,
    ) -> None:
        self._config = config
        self._server = server_state
        self._app_state = app_state
        self._loop = _loop or asyncio.get_running_loop()
        self._transport: asyncio.Transport
        self._phase = _Phase.OPENING
        self._response: Response | None = None
        self._refusal: Event | None = None
        self._reader: FrameReader | None = None
        self._limits = Limits()
        self._rounds: Rounds[WebSocketProtocol] | None = None
        self._events: list[Event] = []
        self._waiting: asyncio.Future[None] | None = None
        self._paused = False
        self._drained: asyncio.Future[None] | None = None
        self._pong: bytes | None = None
        self._heard_at = 0.0
        self._pinged_at: float | None = None
        self._partial_at: float | None = None
        self._blocked_at: float | None = None
        self._closing_at = 0.0

    # What uvicorn and the event loop call.

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        """Take the connection over from the HTTP protocol, which has read the request."""
        self._transport = cast(asyncio.Transport, transport)  # uvloop's is no subclass of it
        self._server.connections.add(self)  # type: ignore[arg-type]  # any with shutdown()

    def connection_lost(self, exc: Exception | None) -> None:
        """Tell the app, and let go of everything."""
        HttpProtocol.open_connections -= 1  # counted in when it was HTTP
        self._server.connections.discard(self)
        if self._rounds is not None:
            self._rounds.discard(self)
        if self._phase in (_Phase.OPENING, _Phase.OPEN):
            self._tell_end(Closing(frames.ABNORMAL))
        self._phase = _Phase.CLOSED
        self._write_on()

    def pause_writing(self) -> None:
        """The client does not read as fast as we write: it has some time to catch up."""
        self._blocked_at = self._loop.time()
        if self._drained is None:
            self._drained = self._loop.create_future()

    def resume_writing(self) -> None:
        """The client has caught up."""
        self._blocked_at = None
        self._write_on()
        if self._pong is not None and self._phase is _Phase.OPEN:
            self._transport.write(frames.encode(frames.PONG, self._pong))
        self._pong = None

    def data_received(self, data: bytes) -> None:
        """Read the request that uvicorn hands over first, or frames."""
        reader = self._reader
        if reader is None:
            self._open(data)
            return
        self._heard_at = self._loop.time()
        self._pinged_at = None
        for opcode, payload in reader.feed(data):
            if opcode == frames.TEXT:
                self._message(payload)
            else:
                self._other_frame(opcode, payload)
        if reader.violation is not None:
            self._close(reader.violation)
        elif reader.is_between_messages:
            self._partial_at = None
        elif self._partial_at is None:
            self._partial_at = self._heard_at

    def shutdown(self) -> None:
        """The server stops at once; the app has had its time to finish (``guards.drain``)."""
        if self._phase is _Phase.OPENING:
            self._refuse(Response(503, "Service Unavailable", Headers(), b""))
        self._close(Closing(frames.SERVICE_RESTART, "the server stops"))

    # The handshake.

    def _open(self, head: bytes) -> None:
        handshake = ServerProtocol()
        handshake.receive_data(head)
        requests = handshake.events_received()
        if not requests:
            self._refuse(handshake.reject(431, "the headers of the request are too long\n"))
            return
        request = cast(Request, requests[0])
        self._response = handshake.accept(request)
        if self._response.status_code != 101:
            self._refuse(self._response)
            return
        self._transport.pause_reading()  # until there are frames to be read
        task = self._loop.create_task(self._run(self._scope(request)))
        self._server.tasks.add(task)
        task.add_done_callback(self._server.tasks.discard)
        self._put({"type": "websocket.connect"})

    def _scope(self, request: Request) -> Event:
        path, _, query = request.path.partition("?")
        root = self._config.root_path
        offered = ",".join(request.headers.get_all("Sec-WebSocket-Protocol"))
        return {
            "type": "websocket",
            "asgi": {"version": self._config.asgi_version, "spec_version": "2.4"},
            "http_version": "1.1",
            "scheme": "wss" if is_ssl(self._transport) else "ws",
            "server": get_local_addr(self._transport),
            "client": get_remote_addr(self._transport),
            "root_path": root,
            "path": root + unquote(path),
            "raw_path": (root + path).encode("ascii"),
            "query_string": query.encode("ascii"),
            "headers": [
                (name.lower().encode("ascii"), value.encode("latin-1"))
                for name, value in request.headers.raw_items()
            ],
            "subprotocols": [each.strip() for each in offered.split(",") if each.strip()],
            "state": self._app_state.copy(),
            "extensions": {"websocket.http.response": {}},
        }

    def _accept(self, message: Event) -> None:
        assert self._response is not None
        response, self._response = self._response, None
        subprotocol = message.get("subprotocol")
        if subprotocol is not None:
            response.headers["Sec-WebSocket-Protocol"] = subprotocol
        for name, value in message.get("headers", ()):
            response.headers[name.decode("latin-1")] = value.decode("latin-1")
        rules: Rules = message.get("rules") or Rules(self._limits)
        self._limits, self._rounds = rules.limits, rules.rounds
        self._rounds.add(self)
        self._reader = FrameReader(self._limits.max_bytes)
        self._transport.write(response.serialize())
        self._phase = _Phase.OPEN
        self._heard_at = self._loop.time()
        self._transport.resume_reading()

    def _refuse(self, response: Response) -> None:
        response.headers.setdefault("Connection", "close")
        self._transport.write(response.serialize())
        self._phase = _Phase.CLOSING
        self._tell_end(Closing(frames.ABNORMAL))
        self._transport.close()

    # What the app calls.

    async def _run(self, scope: Event) -> None:
        closing = Closing(frames.NORMAL)
        try:
            await self._config.loaded_app(scope, self._receive, self._send)
        except OSError:
            log.debug("a connection ended while it was written to")
        except Exception:
            log.exception("a connection was closed by a fault")
            closing = Closing(frames.INTERNAL_ERROR)
        finally:
            if self._phase is _Phase.OPENING:
                self._refuse(Response(500, "Internal Server Error", Headers(), b""))
            self._close(closing)

    async def _receive(self) -> Event:
        while not self._events:
            self._waiting = self._loop.create_future()
            await self._waiting
        event = self._events.pop(0)
        if self._paused and len(self._events) < _QUEUED // 2:
            self._read_on()
        return event

    async def _send(self, message: Event) -> None:
        kind = message["type"]
        if kind == "websocket.send":
            while self._drained is not None:
                await asyncio.shield(self._drained)
            if self._phase is not _Phase.OPEN:
                raise OSError("the connection is closed")
            text = message.get("text")
            self._transport.write(
                frames.encode(frames.BINARY, message["bytes"])
                if text is None
                else frames.encode(frames.TEXT, text.encode())
            )
        elif self._phase is not _Phase.OPENING:
            if kind == "websocket.close":
                self._close(Closing(message.get("code", frames.NORMAL), message.get("reason", "")))
        elif kind == "websocket.accept":
            self._accept(message)
        elif kind == "websocket.close":
            self._refuse(Response(403, "Forbidden", Headers(), b""))
        elif kind == "websocket.http.response.start":
            self._refusal = message
        elif kind == "websocket.http.response.body" and self._refusal is not None:
            self._refuse(_response(self._refusal, message.get("body", b"")))

    # Frames.

    def _put(self, event: Event) -> None:
        self._events.append(event)
        if self._waiting is not None and not self._waiting.done():
            self._waiting.set_result(None)
        if len(self._events) >= _QUEUED and not self._paused and self._phase is _Phase.OPEN:
            self._paused = True
            self._transport.pause_reading()

    def _read_on(self) -> None:
        self._paused = False
        if not self._transport.is_closing():
            self._transport.resume_reading()

    def _write_on(self) -> None:
        if self._drained is not None:
            self._drained.set_result(None)
            self._drained = None

    def _message(self, payload: bytes) -> None:
        if self._phase is not _Phase.OPEN:
            return
        try:
            text = payload.decode()
        except UnicodeDecodeError:
            self._close(Closing(frames.INVALID_DATA, "a text message is not UTF-8"))
            return
        self._put({"type": "websocket.receive", "text": text})

    def _other_frame(self, opcode: int, payload: bytes) -> None:
        if opcode == frames.CLOSE:
            self._close(frames.read_close(payload))  # section 5.5.1: the same code goes back
            self._transport.close()
        elif self._phase is not _Phase.OPEN:
            return
        elif opcode == frames.BINARY:
            self._put({"type": "websocket.receive", "bytes": payload})
        elif opcode == frames.PING:
            if self._drained is None:
                self._transport.write(frames.encode(frames.PONG, payload))
            else:  # only the last ping needs an answer (section 5.5.3)
                self._pong = payload

    # The end.

    def _close(self, closing: Closing) -> None:
        """Send a close frame, and wait a while for the client's."""
        if self._phase is not _Phase.OPEN:
            return
        self._transport.write(frames.encode_close(closing))
        self._phase = _Phase.CLOSING
        self._closing_at = self._loop.time()
        self._tell_end(closing)
        self._write_on()  # whoever waits to send learns that it is too late
        if self._paused:
            self._read_on()
        if self._reader is not None and self._reader.violation and self._transport.can_write_eof():
            self._transport.write_eof()  # the client's close frame would not be understood

    def _tell_end(self, closing: Closing) -> None:
        end = {"type": "websocket.disconnect", "code": closing.code, "reason": closing.reason}
        self._put(end)

    def look_after(self) -> None:
        """See whether something takes too long."""
        now, limits = self._loop.time(), self._limits
        if self._phase is _Phase.CLOSING:
            if now - self._closing_at >= limits.close_sec:
                self._transport.abort()
        elif self._blocked_at is not None and now - self._blocked_at >= limits.write_sec:
            self._close(Closing(frames.TRY_AGAIN_LATER, "the client reads too slowly"))
        elif self._partial_at is not None and now - self._partial_at >= limits.message_sec:
            self._close(Closing(frames.POLICY_VIOLATION, "a message took too long to arrive"))
        elif self._paused:
            return  # its pong would not be seen
        elif self._pinged_at is not None:
            if now - self._pinged_at >= limits.pong_sec:
                self._close(Closing(frames.INTERNAL_ERROR, "no pong came"))
        elif now - self._heard_at >= limits.ping_sec:
            self._pinged_at = now
            self._transport.write(frames.encode(frames.PING, b""))


def _response(start: Event, body: bytes) -> Response:
    headers = Headers(
        [(name.decode("latin-1"), value.decode("latin-1")) for name, value in start["headers"]]
    )
    return Response(start["status"], "Refused", headers, body)
