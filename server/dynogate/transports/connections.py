"""The HTTP connections of one process: how many, and how long each may keep it waiting.

uvicorn watches connections only between an answer and the next byte; a client that sends a byte
now and then, or reads none, would keep its connection for ever. Here one look a second goes over
all of them, so that a request costs no timer.
"""

import asyncio
import os
import resource
from typing import Protocol

from dynogate.errors import exhausted
from dynogate.telemetry.metrics import Metrics

_LOOK_SEC = 1.0
LAST_WORDS_SEC = 5.0
"""Besides the time for a body, for the answer that it took too long."""

_OTHER_FILES = 128  # the store, logs, pipes to programs
_SPARE_FILES = 16  # a few connections, and a program


class Connection(Protocol):
    """What is asked of a connection."""

    @property
    def is_idle(self) -> bool:
        """Whether nothing is being served over it."""

    def end(self) -> None:
        """Close it, whatever it is doing."""

    def look(self, now: float) -> None:
        """See whether the client keeps it waiting for too long, and end it then."""


class Connections:
    """Every open HTTP connection of a process. Belongs to one event loop.

    Args:
        highest: how many there may be; fewer where the process may not open as many files.
        head_sec: how long a client may take for a request's head.
        body_sec: the same for its body; some seconds more where it still has no answer.
        read_sec: how long a client may leave an answer unread.
        max_head_bytes: how long a head may be.
        max_body_bytes: how long a body may be.
        metrics: where it is counted what was refused.
    """

    def __init__(
        self,
        *,
        highest: int,
        head_sec: float,
        body_sec: float,
        read_sec: float,
        max_head_bytes: int,
        max_body_bytes: int,
        metrics: Metrics,
    ) -> None:
        files, _ = resource.getrlimit(resource.RLIMIT_NOFILE)
        if files != resource.RLIM_INFINITY:
            highest = max(1, min(highest, files - _OTHER_FILES))
        self.highest = highest
        self.head_sec = head_sec
        self.body_sec = body_sec
        self.read_sec = read_sec
        self.max_head_bytes = max_head_bytes
        # A chunk of one byte takes six on the wire.
        self.max_message_bytes = max_head_bytes + 6 * max_body_bytes
        self._refused = metrics.refused
        self._open: dict[Connection, None] = {}
        self._next: asyncio.TimerHandle | None = None

    def __len__(self) -> int:
        return len(self._open)

    def start(self) -> None:
        """Begin to look, on the running loop."""
        loop = asyncio.get_running_loop()
        self._next = loop.call_later(_LOOK_SEC, self._look, loop)

    def stop(self) -> None:
        """Look no more."""
        if self._next is not None:
            self._next.cancel()

    def add(self, connection: Connection) -> bool:
        """Take a connection in; where there are too many, the oldest one that is idle goes.

        Returns:
            Whether there was a place for it.
        """
        if len(self._open) >= self.highest and not self._make_room():
            return False
        self._open[connection] = None
        return True

    def refuse(self, why: str) -> None:
        """Count that a connection was ended, and ``why``."""
        self._refused[(why,)].inc()

    def discard(self, connection: Connection) -> None:
        """It is closed, or no HTTP connection any more."""
        self._open.pop(connection, None)

    def _make_room(self) -> bool:
        for connection in self._open:  # in the order they came
            if connection.is_idle:
                connection.end()
                self.discard(connection)
                return True
        return False

    def _look(self, loop: asyncio.AbstractEventLoop) -> None:
        now = loop.time()
        for connection in list(self._open):
            connection.look(now)
        self._next = loop.call_later(_LOOK_SEC, self._look, loop)


def check_files() -> None:
    """See that this process can open some more files: without, it can take no connection.

    Raises:
        Busy: it cannot.
    """
    opened: list[int] = []
    try:
        for _ in range(_SPARE_FILES):
            opened.append(os.open(os.devnull, os.O_RDONLY))  # noqa: PERF401  # closed on errors
    except OSError as error:
        raise exhausted(error) or error from None
    finally:
        for file in opened:
            os.close(file)
