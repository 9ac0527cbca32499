"""WebSocket for uvicorn: the handshake by the ``websockets`` library, the rest by ourselves.

uvicorn's own class answers pings of a client that never reads without bound, keeps empty fragments
without bound, and waits for ever to close on a client that stopped reading; and a coroutine waits
in it for each connection, which costs memory, and twice the CPU time a message. Here the handshake
is ASGI; its ``websocket.accept`` names the ``receiver`` (:class:`Receiver`) of what the client
says, and the ``rules`` (:class:`Rules`) of the connection. Then the app returns.
"""

import asyncio
from dataclasses import dataclass
from enum import Enum
from typing import Any, Protocol, cast

from uvicorn.config import Config
from uvicorn.server import ServerState
from websockets.datastructures import Headers
from websockets.http11 import Response

from dynogate.transports.handshake import Opening, read_request, scope_of
from dynogate.transports.rounds import Rounds
from dynogate.wire import frames
from dynogate.wire.frames import Closing, FrameReader

_MAX_NOTICES = 64  # that wait for a client which does not read


class Receiver(Protocol):
    """Who hears what a client says."""

    def opened(self, socket: "WebSocketProtocol") -> None:
        """The handshake is done, and ``socket`` can be talked to."""

    def received(self, message: bytes) -> None:
        """The client sent a text message; it is UTF-8."""

    def ended(self, closing: Closing) -> None:
        """Nothing can be sent any more; called once."""


@dataclass(frozen=True, slots=True)
class Limits:
    """What one connection may do.

    Attributes:
        max_bytes: the largest message.
        message_sec: time from a message's first byte to its last.
        ping_sec: a client that was silent for so long is asked whether it is there.
        pong_sec: time it has to answer.
        write_sec: time a client may read nothing, once its buffers and ours are full.
        close_sec: the same after a close frame, and time to answer that.
    """

    max_bytes: int
    message_sec: float
    ping_sec: float
    pong_sec: float
    write_sec: float
    close_sec: float = 5.0


class Rules:
    """Limits, and who sees to it that they are kept: for all connections of one event loop."""

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
        "_config",
        "_drained",
        "_heard_at",
        "_left",
        "_loop",
        "_notices",
        "_partial_at",
        "_phase",
        "_pinged_at",
        "_reader",
        "_receiver",
        "_rules",
        "_server",
        "_stuck_at",
        "_transport",
        "_unread",
    )

    def __init__(
        self,
        config: Config,
        server_state: ServerState,
        app_state: dict[str, Any],
        _loop: asyncio.AbstractEventLoop | None = None,
    ) -> None:
        self._config = config
        self._app_state = app_state
        self._server = server_state
        self._loop = _loop or asyncio.get_running_loop()
        self._transport: asyncio.Transport
        self._phase = _Phase.OPENING
        self._receiver: Receiver | None = None
        self._rules: Rules | None = None
        self._reader: FrameReader | None = None
        self._unread: list[tuple[int, bytes]] = []
        self._notices: list[bytes] = []
        self._drained: asyncio.Future[None] | None = None
        self._heard_at = 0.0
        self._pinged_at: float | None = None
        self._partial_at: float | None = None
        self._stuck_at = 0.0
        self._left = 0

    # What uvicorn and the event loop call.

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        """Take the connection over from the HTTP protocol, which has read the request."""
        self._transport = cast(asyncio.Transport, transport)  # uvloop's is no subclass of it
        self._server.connections.add(self)  # type: ignore[arg-type]  # any with shutdown()

    def connection_lost(self, exc: Exception | None) -> None:
        """Tell the receiver, and let go of everything."""
        self._server.connections.discard(self)
        if self._rules is not None:
            self._rules.rounds.discard(self)
        self._end(_Phase.CLOSED, Closing(frames.ABNORMAL))

    def pause_writing(self) -> None:
        """The client does not read as fast as we write: it has some time to catch up."""
        if self._phase is _Phase.OPEN:
            self._stuck_at = self._loop.time()
            self._drained = self._loop.create_future()
            self._transport.pause_reading()  # what it asks for has to wait, too

    def resume_writing(self) -> None:
        """The client has caught up."""
        if self._phase is not _Phase.OPEN or self._drained is None:
            return
        drained, self._drained = self._drained, None
        drained.set_result(None)
        for notice in self._notices:
            self._transport.write(frames.encode(frames.TEXT, notice))
        self._notices = []
        unread, self._unread = self._unread, []
        self._take(unread)
        if self._drained is None:
            self._transport.resume_reading()

    def data_received(self, data: bytes) -> None:
        """Read the request that uvicorn hands over first, or frames."""
        reader = self._reader
        if reader is None:
            self._open(data)
            return
        self._heard_at = self._loop.time()
        self._pinged_at = None
        self._take(reader.feed(data))
        if reader.violation is not None:
            self._close(reader.violation)
        elif reader.is_between_messages:
            self._partial_at = None
        elif self._partial_at is None:
            self._partial_at = self._heard_at

    def shutdown(self) -> None:
        """The server stops at once; there was time to finish (``guards.drain``)."""
        if self._phase is _Phase.OPENING:
            self.refuse(Response(503, "Service Unavailable", Headers(), b""))
        self.close(frames.SERVICE_RESTART, "the server stops")

    # The handshake.

    @property
    def is_opening(self) -> bool:
        """Whether the handshake is not over yet."""
        return self._phase is _Phase.OPENING

    def _open(self, head: bytes) -> None:
        self._transport.pause_reading()  # until there are frames to be read
        request, response = read_request(head)
        if request is None or response.status_code != 101:
            self.refuse(response)
            return
        scope = scope_of(request, self._transport, self._config, self._app_state)
        task = self._loop.create_task(Opening(response, self).run(scope, self._config))
        self._server.tasks.add(task)
        task.add_done_callback(self._server.tasks.discard)

    def accept(self, response: Response, receiver: Receiver, rules: Rules) -> None:
        """Open the connection: ``receiver`` hears from now on what the client says."""
        self._receiver, self._rules = receiver, rules
        self._reader = FrameReader(rules.limits.max_bytes)
        self._phase = _Phase.OPEN
        self._heard_at = self._loop.time()
        rules.rounds.add(self)
        self._transport.write(response.serialize())
        self._transport.resume_reading()
        receiver.opened(self)

    def refuse(self, response: Response) -> None:
        """Answer the request with ``response``, and close."""
        response.headers.setdefault("Connection", "close")
        self._phase = _Phase.CLOSING
        self._transport.write(response.serialize())
        self._transport.close()

    # What the receiver calls.

    async def ready(self) -> None:
        """Wait until the client reads, or has gone."""
        while self._drained is not None:
            await asyncio.shield(self._drained)

    def send(self, message: bytes) -> None:
        """Send a text message; left out where too much waits for the client already."""
        if self._phase is not _Phase.OPEN:
            return
        if self._drained is None:
            self._transport.write(frames.encode(frames.TEXT, message))
        elif len(self._notices) < _MAX_NOTICES:
            self._notices.append(message)

    def close(self, code: int, reason: str) -> None:
        """Send a close frame; the client has some time to answer it."""
        self._close(Closing(code, reason))

    # Frames.

    def _take(self, found: list[tuple[int, bytes]]) -> None:
        for at, (opcode, payload) in enumerate(found):
            if self._drained is not None:
                self._unread = found[at:]
                return
            if opcode == frames.TEXT:
                self._message(payload)
            else:
                self._other_frame(opcode, payload)

    def _message(self, payload: bytes) -> None:
        if self._phase is not _Phase.OPEN or self._receiver is None:
            return
        try:
            payload.decode()
        except UnicodeDecodeError:
            self.close(frames.INVALID_DATA, "a text message is not UTF-8")
        else:
            self._receiver.received(payload)

    def _other_frame(self, opcode: int, payload: bytes) -> None:
        if opcode == frames.CLOSE:
            self._close(frames.read_close(payload))  # section 5.5.1: the same code goes back
            self._transport.close()
        elif opcode == frames.BINARY:
            self.close(frames.UNSUPPORTED_DATA, "send text messages, not binary ones")
        elif opcode == frames.PING and self._phase is _Phase.OPEN:
            self._transport.write(frames.encode(frames.PONG, payload))

    # The end, and deadlines.

    def _close(self, closing: Closing) -> None:
        if self._phase is not _Phase.OPEN:
            return
        self._transport.write(frames.encode_close(closing))
        self._stuck_at = self._loop.time()
        if self._drained is not None:
            self._transport.resume_reading()  # for the client's close frame
        self._end(_Phase.CLOSING, closing)
        if self._reader is not None and self._reader.violation and self._transport.can_write_eof():
            self._transport.write_eof()  # that close frame would not be understood

    def _end(self, phase: _Phase, closing: Closing) -> None:
        self._phase = phase
        self._unread, self._notices = [], []
        drained, self._drained = self._drained, None
        if drained is not None:  # who waits to send learns that it is too late
            drained.set_result(None)
        receiver, self._receiver = self._receiver, None
        if receiver is not None:
            receiver.ended(closing)

    def look_after(self) -> None:
        """See whether something takes too long."""
        if self._rules is None:
            return
        now, limits = self._loop.time(), self._rules.limits
        left = self._transport.get_write_buffer_size()
        if left < self._left:
            self._stuck_at = now  # the client reads, if slowly
        self._left = left
        if self._phase is _Phase.OPEN:
            self._look_at_client(now, limits)
        elif now - self._stuck_at >= limits.close_sec:
            self._transport.abort()

    def _look_at_client(self, now: float, limits: Limits) -> None:
        if self._drained is not None:
            if now - self._stuck_at >= limits.write_sec:
                self.close(frames.TRY_AGAIN_LATER, "the client reads too slowly")
        elif self._partial_at is not None and now - self._partial_at >= limits.message_sec:
            self.close(frames.POLICY_VIOLATION, "a message took too long to arrive")
        elif self._pinged_at is not None:
            if now - self._pinged_at >= limits.pong_sec:
                self.close(frames.INTERNAL_ERROR, "no pong came")
                self._transport.close()  # nobody is there to answer that
        elif now - self._heard_at >= limits.ping_sec:
            self._pinged_at = now
            self._transport.write(frames.encode(frames.PING, b""))
