"""uvicorn's HTTP protocol, with bounds of time and size, and writing each answer at once."""

import asyncio
import socket
import sys
import time
from http import HTTPStatus
from typing import Any

from uvicorn.protocols.http.httptools_impl import HttpToolsProtocol

from dynogate.guards.shedding import CAME_AT
from dynogate.transports.connections import LAST_WORDS_SEC, Connections
from dynogate.transports.joined import JoinedWrites
from dynogate.transports.whole import WholeAnswers

_AT_ONCE_SEC = 0.05
_TCP_INFO: int | None = getattr(socket, "TCP_INFO", None)
_LAST_DATA_AT = 52  # tcpi_last_data_recv, in ms, in Linux' struct tcp_info
_PIPELINED = 16  # requests that may wait for the answer to the one before


class HttpProtocol(HttpToolsProtocol):
    """One client connection; the app's lifespan state says under ``connections`` what bounds it."""

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self.access_log = False  # the gateway writes its own
        self._all: Connections = self.app_state["connections"]
        # A request that has not arrived whole: since when it is awaited, and its bytes so far.
        self._since: float | None = None
        self._answered: float | None = None  # since when there is nothing to do
        self._bytes = 0
        self._in_head = True
        self._is_websocket = False
        self._made_at = self._waiting_since = 0.0
        # An answer that is not read: since when nothing of it went out, and how much is left.
        self._stuck_since: float | None = None
        self._left = 0

    def connection_made(self, transport: asyncio.Transport) -> None:  # type: ignore[override]  # as uvicorn has it
        """Begin, or refuse the connection where there are too many."""
        super().connection_made(JoinedWrites(transport, self.loop))
        self._made_at = time.monotonic()
        self._waiting_since = self._made_at - _unread_for_sec(transport)
        self._since = self.loop.time()
        if not self._all.add(self):
            self._bytes = 1  # nothing yet, but it is owed a word
            self._refuse("TooManyConnections", 503, "too many connections; try again")

    def connection_lost(self, exc: Exception | None) -> None:
        """End."""
        self._all.discard(self)
        super().connection_lost(exc)

    def handle_websocket_upgrade(self) -> None:
        """Hand the connection on; WebSockets have bounds, and write each message, of their own."""
        self._all.discard(self)
        if isinstance(self.transport, JoinedWrites):
            self.transport = self.transport.unwrap()
        self._is_websocket = True
        super().handle_websocket_upgrade()
        del self.parser  # it holds this protocol, which nobody needs any more

    def data_received(self, data: bytes) -> None:
        """Read on; a request that did not arrive whole has to be complete in time."""
        if self.transport.is_closing():
            return
        self._answered = None
        super().data_received(data)
        cycle = self.cycle
        if cycle is not None and cycle.scope is self.scope and not cycle.more_body:
            self._since = None  # nearly every time: the request came in one piece
            size, self._bytes = self._bytes + len(data), 0
            if size > self._all.max_head_bytes:
                self._check_head()
            return
        self._wait_for_more(len(data))

    def on_headers_complete(self) -> None:
        """Begin to serve; fields after a chunked body (trailers) do not count as headers.

        Raises:
            ValueError: too many requests wait for their turn; uvicorn answers 400 and closes.
        """
        if len(self.pipeline) >= _PIPELINED:
            raise ValueError("too many pipelined requests")
        super().on_headers_complete()
        if not self.pipeline:  # one that waits for another's answer does not wait for us
            now = time.monotonic()
            if self._waiting_since:  # the first request may have waited before the connection did
                now = self._waiting_since if now - self._made_at < _AT_ONCE_SEC else now
                self._waiting_since = 0.0
            self.scope[CAME_AT] = now  # type: ignore[literal-required]
        if not self.parser.should_upgrade():
            self.headers = _NOWHERE
            self.cycle.__class__ = WholeAnswers  # uvicorn asks nobody which one to make

    def on_response_complete(self) -> None:
        """Go on to what is next: as uvicorn has it, but without a timer for each answer."""
        self.server_state.total_requests += 1
        if self.transport.is_closing():
            return
        self.flow.resume_reading()
        if self.pipeline:
            self._start_asgi_task(*self.pipeline.pop())
        else:
            self._answered = self.loop.time()

    @property
    def is_idle(self) -> bool:
        """Whether nothing is being served over it: no request, or none that arrived whole."""
        return self.cycle is None or self.cycle.response_complete

    def end(self) -> None:
        """Close it, whatever it is doing."""
        self.transport.abort()

    def look(self, now: float) -> None:
        """See whether the client keeps it waiting for too long, and end it then."""
        self._look_at_reader(now)
        if self._answered is not None and now - self._answered > self.timeout_keep_alive:
            self.transport.close()
        if self._since is None:
            return
        if self.flow.read_paused:  # it is we who do not read
            self._since = now
            return
        waited = now - self._since
        if not self._in_head:
            # Who serves the request says so, and that is then the connection's end.
            if waited > self._all.body_sec + (0.0 if self.is_idle else LAST_WORDS_SEC):
                self._refuse("BodyTimeout", 408, "the body took too long")
        elif waited > self._all.head_sec:
            self._refuse("HeadTimeout", 408, "the request took too long")

    def _look_at_reader(self, now: float) -> None:
        left = self.transport.get_write_buffer_size()
        if not left or left != self._left:
            self._stuck_since, self._left = (now if left else None), left
        elif self._stuck_since is not None and now - self._stuck_since > self._all.read_sec:
            self._all.refuse("AnswerUnread")
            self.end()

    def _wait_for_more(self, size: int) -> None:
        if self._is_websocket:
            return
        in_head = self.scope is None or self.cycle is None or self.cycle.scope is not self.scope
        if self._since is None or in_head != self._in_head:
            self._since, self._in_head = self.loop.time(), in_head
        self._bytes += size
        if in_head and self._bytes > self._all.max_head_bytes:
            self._refuse("HeadTooLarge", 431, f"a head has {self._all.max_head_bytes} bytes here")
        elif self._bytes > self._all.max_message_bytes:
            self._refuse("BodyTooLarge", 413, "the request is too long")

    def _check_head(self) -> None:
        headers = self.scope["headers"]
        if sum(len(name) + len(value) for name, value in headers) > self._all.max_head_bytes:
            self._refuse("HeadTooLarge", 431, f"a head has {self._all.max_head_bytes} bytes here")

    def _refuse(self, why: str, status: int, text: str) -> None:
        """End it, with a word where that cannot fall into an answer, or answer nothing at all."""
        if self.transport.is_closing():
            return
        self._all.refuse(why)
        has_its_answer = self.is_idle and not self._in_head  # and goes on with the body
        if not self._bytes or has_its_answer:  # or never said anything
            self.transport.close()
        elif self.is_idle:
            error = HTTPStatus(status)
            head = f"HTTP/1.1 {error.value} {error.phrase}\r\nConnection: close\r\n"
            head += f"Content-Type: text/plain\r\nContent-Length: {len(text)}\r\n\r\n"
            self.transport.write(head.encode() + text.encode())
            self.transport.close()
        else:
            self.end()


def _unread_for_sec(transport: asyncio.Transport) -> float:
    """For how long what a client sent has waited for its connection to be accepted.

    uvloop accepts one connection in each turn of the loop, so that most of an overload of new
    connections waits where only the kernel can tell of it.
    """
    connection = transport.get_extra_info("socket")
    if _TCP_INFO is None or connection.family not in (socket.AF_INET, socket.AF_INET6):
        return 0.0
    try:
        told = connection.getsockopt(socket.IPPROTO_TCP, _TCP_INFO, _LAST_DATA_AT + 4)
    except OSError:  # it is gone already
        return 0.0
    return int.from_bytes(told[_LAST_DATA_AT:], sys.byteorder) / 1000


class _Nowhere(list[tuple[bytes, bytes]]):
    """A list that keeps nothing."""

    def append(self, item: tuple[bytes, bytes]) -> None:
        """Forget ``item``."""


_NOWHERE = _Nowhere()
