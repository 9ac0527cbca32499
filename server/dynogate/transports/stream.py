"""Messages on their way to one client as server-sent events, kept within bounds."""

import asyncio
from collections import deque

from dynogate.transports.responses import Headers, Send
from dynogate.wire import sse

KEEP_ALIVE_SEC = 15.0
MAX_EVENTS = 256
MAX_BYTES = 2**20

_HEADERS: Headers = [
    (b"content-type", sse.CONTENT_TYPE),
    (b"cache-control", b"no-cache, no-transform"),
    (b"x-accel-buffering", b"no"),
]


class Stream:
    """A sequence of messages that ends; the oldest are forgotten where nobody reads them.

    Args:
        name: makes the ids of events, so that a reader can come back; None where it cannot.
        max_bytes: of messages kept, besides the newest.

    Attributes:
        last: the number of the newest message.
        ended: whether no more will come.
        reader: the number of whoever reads, or was the last to read.
        is_read: whether somebody reads.
    """

    __slots__ = (
        "_bytes",
        "_events",
        "_max_bytes",
        "_waiting",
        "ended",
        "is_read",
        "last",
        "name",
        "reader",
    )

    def __init__(self, name: str | None = None, *, max_bytes: int = MAX_BYTES) -> None:
        self.name = name
        self.last = 0
        self.ended = False
        self.reader = 0
        self.is_read = False
        self._max_bytes = max_bytes
        self._bytes = 0
        self._events: deque[tuple[int, bytes]] = deque()
        self._waiting: set[asyncio.Future[None]] = set()

    def put(self, message: bytes) -> None:
        """Send ``message``; does nothing once the stream has ended. Never waits."""
        if self.ended:
            return
        self.last += 1
        self._events.append((self.last, message))
        self._bytes += len(message)
        while len(self._events) > MAX_EVENTS or (
            self._bytes > self._max_bytes and len(self._events) > 1
        ):
            self._bytes -= len(self._events.popleft()[1])
        self._wake()

    @property
    def size(self) -> int:
        """Bytes of the messages that are kept."""
        return self._bytes

    def end(self) -> None:
        """Send nothing after this."""
        self.ended = True
        self._wake()

    def take_over(self) -> int:
        """Be the one reader from now on; the one before stops. Gives the number of this one."""
        self.reader += 1
        self.is_read = True
        self._wake()
        return self.reader

    def leave(self, reader: int) -> None:
        """This reader reads no more."""
        if self.reader == reader:
            self.is_read = False

    async def more(self, after: int, timeout_sec: float | None) -> bool:
        """Wait until there are messages after number ``after``, never will be, or somebody else
        reads.

        Returns:
            False where ``timeout_sec`` passed before; None waits for ever.
        """
        reader = self.reader
        loop = asyncio.get_running_loop()
        deadline = None if timeout_sec is None else loop.time() + timeout_sec
        while self.last <= after and not self.ended and self.reader == reader:
            if deadline is not None and loop.time() >= deadline:
                return False
            news = loop.create_future()
            self._waiting.add(news)
            timer = None if deadline is None else loop.call_at(deadline, _settle, news)
            try:
                await news
            finally:
                self._waiting.discard(news)
                if timer is not None:
                    timer.cancel()
        return True

    def _wake(self) -> None:
        for news in self._waiting:
            _settle(news)

    def events(self, after: int) -> bytes:
        """The kept messages after number ``after``, as server-sent events."""
        return b"".join(
            sse.event(message, self.event_id(number))
            for number, message in self._events
            if number > after
        )

    def event_id(self, number: int) -> str | None:
        """The id of the event with this number; None where the stream cannot be resumed."""
        return None if self.name is None else f"{self.name}.{number}"


def _settle(news: asyncio.Future[None]) -> None:
    if not news.done():
        news.set_result(None)


async def send_stream(
    stream: Stream,
    send: Send,
    *,
    after: int = 0,
    first: bytes = b"",
    headers: Headers | None = None,
) -> None:
    """Send what ``stream`` has after number ``after``, and what comes, until it ends.

    Ends early where another reader takes over.

    Args:
        first: an event to begin with.
    """
    reader = stream.take_over()
    try:
        head = _HEADERS if headers is None else [*_HEADERS, *headers]
        await send({"type": "http.response.start", "status": 200, "headers": head})
        if first:
            await send({"type": "http.response.body", "body": first, "more_body": True})
        is_over = False
        while not is_over:
            is_news = await stream.more(after, KEEP_ALIVE_SEC)
            mine = stream.reader == reader
            is_over = stream.ended or not mine
            body = b"" if not mine else stream.events(after) if is_news else sse.KEEP_ALIVE
            after = stream.last
            await send({"type": "http.response.body", "body": body, "more_body": not is_over})
    finally:
        stream.leave(reader)
