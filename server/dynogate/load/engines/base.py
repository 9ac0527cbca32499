"""What every engine is to the loops that drive it, and they to it."""

import errno
from abc import ABC, abstractmethod
from typing import Protocol

from dynogate.load.book import Book
from dynogate.load.replies import Verdict
from dynogate.load.samples import Outcome

# The generator's machine is at its end, not the server.
_OURS = {errno.EMFILE, errno.ENFILE, errno.EADDRNOTAVAIL, errno.ENOBUFS}


class Driver(Protocol):
    """Who decides when calls are sent."""

    book: Book

    def ended(self, index: int, verdict: Verdict) -> int:
        """Call ``index`` came to its end.

        Returns:
            The call that this caller makes next, at once, or -1.
        """
        ...


class Engine(ABC):
    """Sends the calls that a driver hands it, and tells the driver how each ended.

    ``send`` returns at once; for each send, ``driver.ended`` is called exactly once.
    """

    driver: Driver

    @abstractmethod
    async def open(self) -> None:
        """Get ready: sessions, first connections.

        Raises:
            GatewayUnreachable: it cannot be reached at all.
        """

    @abstractmethod
    def send(self, index: int) -> None:
        """Send call ``index``."""

    @abstractmethod
    def expire(self, before: float) -> None:
        """End the calls sent before this time (of ``time.perf_counter``) with a timeout."""

    @abstractmethod
    async def close(self) -> None:
        """Close every connection. Calls in flight are not told about any more."""


def lost(error: BaseException) -> Verdict:
    """What a failed connection says: of the server, or of the lack of sockets here."""
    outcome = Outcome.CONNECTION
    if isinstance(error, OSError) and error.errno in _OURS:
        outcome = Outcome.DROPPED
    return Verdict(outcome, told(error))


def told(error: BaseException) -> str:
    """A failure in one line."""
    text = str(error) or type(error).__name__
    return f"{type(error).__name__}: {text}"[:200]
