"""The sessions of legacy clients over HTTP: bounded, and given back when nobody uses them."""

import asyncio
import itertools
import secrets
import time
from collections import OrderedDict
from collections.abc import Iterable, Mapping

from dynogate.errors import Busy, InvalidRequest, UnknownSession
from dynogate.gateway import Gateway
from dynogate.mcp.listening import concerns, notification_of
from dynogate.mcp.session import Session
from dynogate.tools.changes import Change
from dynogate.transports.stream import Stream
from dynogate.wire import mcp, sse

KEPT_BYTES = 64 * 2**20
"""Of ended streams that clients may still come back for, of all sessions of a process."""

_STREAM_BYTES = 2**18
_STREAM_COST = 2**11  # what a stream needs besides its messages
_GENERAL = "0"
_RETRY_MS = 1_000
_PRIMED = "2025-11-25"  # older clients take an event without data for a broken message


class HttpSession(Session):
    """A session, and the streams on which its client is told things.

    Attributes:
        id: what the client shows with each request.
        principal: whose it is; nobody else can use it.
        used: when it was last used (monotonic clock).
        busy: requests and streams of it that are open.
        is_over: whether it has ended.
    """

    __slots__ = (
        "_calls",
        "_numbers",
        "_streams",
        "_unlisten",
        "busy",
        "id",
        "is_over",
        "principal",
        "used",
    )

    def __init__(self, session_id: str, principal: str) -> None:
        super().__init__()
        self.id = session_id
        self.principal = principal
        self.used = time.monotonic()
        self.busy = 0
        self.is_over = False
        self._streams: dict[str, Stream] = {}
        self._calls: dict[Stream, asyncio.Task[None]] = {}
        self._numbers = itertools.count(1)

    def new_stream(self) -> Stream:
        """A stream for the answer to one request."""
        return self._add(str(next(self._numbers)))

    def priming(self, stream: Stream, number: int) -> bytes:
        """What tells the client, before all else, how to come back to ``stream``."""
        event_id = stream.event_id(number)
        if self.version < _PRIMED or event_id is None:
            return b""
        return sse.priming(event_id, _RETRY_MS)

    def call_begun(self, stream: Stream, call: asyncio.Task[None]) -> None:
        """``call`` ends ``stream`` with its answer."""
        self.busy += 1
        self._calls[stream] = call

    def call_ended(self, stream: Stream) -> None:
        """That call has ended."""
        self.busy -= 1
        self.used = time.monotonic()
        self._calls.pop(stream, None)

    def left(self, stream: Stream, resume_sec: float) -> None:
        """The client hung up; cancel the call, unless somebody reads ``stream`` again in time."""
        if stream not in self._calls:
            return
        asyncio.get_running_loop().call_later(resume_sec, self._abandon, stream, stream.reader)

    def _abandon(self, stream: Stream, reader: int) -> None:
        call = self._calls.get(stream)
        if call is not None and stream.reader == reader and not stream.is_read:
            call.cancel()

    def general_stream(self, gateway: Gateway) -> Stream:
        """The one for what belongs to no request; from the first time on, changes are told."""
        stream = self._streams.get(_GENERAL)
        if stream is None:
            stream = self._add(_GENERAL)
            self._unlisten = gateway.changes.listen(self._tell)
        return stream

    def _add(self, name: str) -> Stream:
        stream = self._streams[name] = Stream(name, max_bytes=_STREAM_BYTES)
        return stream

    def _tell(self, change: Change) -> None:
        if concerns(self, change):
            self._streams[_GENERAL].put(mcp.notification(*notification_of(change)))

    def resumed(self, event_id: str) -> tuple[Stream, int]:
        """The stream that has this event, and the event's number.

        Raises:
            InvalidRequest: there is none, or no more.
        """
        name, _, number = event_id[:64].partition(".")
        stream = self._streams.get(name)
        if stream is None or not (number.isascii() and number.isdigit()):
            raise InvalidRequest("Last-Event-ID is of no stream that can be resumed")
        return stream, min(int(number), stream.last)

    @property
    def streams(self) -> Iterable[Stream]:
        """Those that the client may read, or come back for."""
        return self._streams.values()

    def hang_up(self) -> None:
        """End the general stream."""
        general = self._streams.get(_GENERAL)
        if general is not None:
            general.end()

    def forget(self, stream: Stream) -> None:
        """Have ``stream`` no longer resumed."""
        self._streams.pop(stream.name or "", None)

    def close(self) -> None:
        """End everything that belongs to it."""
        self.is_over = True
        self.running.cancel_all()
        if _GENERAL in self._streams:
            self._unlisten()
        for stream in self._streams.values():
            stream.end()
        self._streams.clear()


class SessionTable:
    """Every session of this process.

    Args:
        worker: begins each id, so that another process knows whose it is.
        limit: how many there are at most.
        limit_each: how many a principal has at most; its oldest idle one goes first.
        idle_sec: after this time without use a session ends.
    """

    def __init__(self, worker: str, *, limit: int, limit_each: int, idle_sec: float) -> None:
        self.worker = worker
        self._limit = limit
        self._limit_each = limit_each
        self._idle_sec = idle_sec
        self._count = 0
        self._by_principal: dict[str, OrderedDict[str, HttpSession]] = {}
        self._kept: OrderedDict[Stream, HttpSession] = OrderedDict()
        self._kept_bytes = 0

    def create(self, principal: str) -> HttpSession:
        """A new session.

        Raises:
            Busy: there are too many, and none of this principal is idle.
        """
        own: Mapping[str, HttpSession] = self._by_principal.get(principal, {})
        if len(own) >= self._limit_each or self._count >= self._limit:
            self._make_room(own.values())
        session = HttpSession(f"{self.worker}-{secrets.token_urlsafe(24)}", principal)
        self._by_principal.setdefault(principal, OrderedDict())[session.id] = session
        self._count += 1
        return session

    def _make_room(self, own: Iterable[HttpSession]) -> None:
        idle = next((session for session in own if not session.busy), None)
        if idle is None:
            raise Busy(f"there are {self._count} sessions; end one (DELETE)", retry_after=10.0)
        self.end(idle)

    def find(self, session_id: str, principal: str) -> HttpSession:
        """The session of this id, if it is of this principal; it counts as used.

        Raises:
            UnknownSession: it ended, or there never was one, or it is somebody else's.
        """
        own: Mapping[str, HttpSession] = self._by_principal.get(principal, {})
        session = own.get(session_id)
        if session is None:
            raise UnknownSession("there is no such session (any more): send initialize again")
        session.used = time.monotonic()
        self._by_principal[principal].move_to_end(session_id)
        return session

    def keep(self, session: HttpSession, stream: Stream) -> None:
        """Let the client come back for an ended stream, while there is room for such."""
        if session.is_over:
            return
        self._kept[stream] = session
        self._kept_bytes += stream.size + _STREAM_COST
        while self._kept_bytes > KEPT_BYTES:
            oldest, its_session = next(iter(self._kept.items()))
            self.drop(its_session, oldest)

    def drop(self, session: HttpSession, stream: Stream) -> None:
        """Have nobody come back for ``stream``: what it had to say was said otherwise."""
        session.forget(stream)
        self._drop(stream)

    def _drop(self, stream: Stream) -> None:
        if self._kept.pop(stream, None) is not None:
            self._kept_bytes -= stream.size + _STREAM_COST

    def end(self, session: HttpSession) -> None:
        """End a session; nothing of it remains."""
        own = self._by_principal[session.principal]
        del own[session.id]
        if not own:
            del self._by_principal[session.principal]
        self._count -= 1
        for stream in session.streams:
            self._drop(stream)
        session.close()

    def sweep(self) -> None:
        """End what was not used for too long."""
        oldest = time.monotonic() - self._idle_sec
        for own in list(self._by_principal.values()):
            for session in list(own.values()):
                if session.used > oldest:
                    break  # the least recently used come first
                if not session.busy:
                    self.end(session)

    def hang_up(self) -> None:
        """End every stream that no answer ends: the process is about to end."""
        for own in self._by_principal.values():
            for session in own.values():
                session.hang_up()

    def __len__(self) -> int:
        return self._count
