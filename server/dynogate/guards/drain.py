"""Shutting down: nothing new begins, and what is under way may end."""

import asyncio
from collections.abc import Callable

from dynogate.errors import Busy

_RETRY_SEC = 1.0  # another process, or the next one, takes the call


class Drain:
    """What is under way in this process. Belongs to one event loop.

    Whatever lasts (an event stream, a WebSocket) waits for :meth:`wait` besides what it is there
    for, or is told through :meth:`tell`, and then ends by itself once its calls are answered.

    Attributes:
        begun: whether the process shuts down.
        under_way: requests and connections that are being served.
    """

    def __init__(self) -> None:
        self.begun = False
        self.under_way = 0
        self._beginning = asyncio.Event()
        self._told: list[Callable[[], None]] = []
        self._idle = asyncio.Event()

    def begin(self) -> None:
        """Let nothing new begin."""
        if self.begun:
            return
        self.begun = True
        self._beginning.set()
        for told in self._told:
            told()

    def tell(self, listener: Callable[[], None]) -> None:
        """Call ``listener`` when the process begins to shut down."""
        self._told.append(listener)

    def enter(self) -> None:
        """Something begins that has to end before the process does; ``leave`` when it has.

        Raises:
            Busy: the process shuts down.
        """
        if self.begun:
            raise Busy("this gateway is shutting down; try again", retry_after=_RETRY_SEC)
        self.under_way += 1

    def leave(self) -> None:
        """It has ended."""
        self.under_way -= 1
        if self.begun and not self.under_way:
            self._idle.set()

    async def wait(self) -> None:
        """Come back when the process begins to shut down."""
        await self._beginning.wait()

    async def emptied(self, timeout_sec: float) -> bool:
        """Whether everything that was under way when it began ends in this time."""
        if self.under_way:
            try:
                await asyncio.wait_for(self._idle.wait(), timeout_sec)
            except TimeoutError:
                return False
        return True
