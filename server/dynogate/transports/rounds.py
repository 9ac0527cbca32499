"""Looking after many things with one timer."""

import asyncio
from collections.abc import Callable, Iterator
from typing import Generic, TypeVar

T = TypeVar("T")


class Rounds(Generic[T]):
    """Looks at each of some things every ``every_sec``, while there are any.

    A timer for each of a thousand idle connections would cost more than the rest of them. Belongs
    to one event loop.
    """

    def __init__(self, every_sec: float, look: Callable[[T], None]) -> None:
        self._every_sec = every_sec
        self._look = look
        self._things: set[T] = set()
        self._timer: asyncio.TimerHandle | None = None

    def __len__(self) -> int:
        return len(self._things)

    def __iter__(self) -> Iterator[T]:
        return iter(list(self._things))

    def add(self, thing: T) -> None:
        """Look at ``thing``, too, from the next round on."""
        self._things.add(thing)
        if self._timer is None:
            self._wait()

    def discard(self, thing: T) -> None:
        """Look at it no more."""
        self._things.discard(thing)
        if not self._things and self._timer is not None:
            self._timer.cancel()
            self._timer = None

    def _wait(self) -> None:
        self._timer = asyncio.get_running_loop().call_later(self._every_sec, self._go)

    def _go(self) -> None:
        self._wait()
        for thing in self:
            self._look(thing)
