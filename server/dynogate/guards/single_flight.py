"""Ask once, however many wait for the same answer."""

import asyncio
from collections.abc import Awaitable, Callable, Hashable
from typing import Generic, TypeVar

T = TypeVar("T")


class SingleFlight(Generic[T]):
    """Shares one answer among all who ask for the same thing while it is being found.

    Who stops waiting does not stop the others. Belongs to one event loop.
    """

    def __init__(self) -> None:
        self._pending: dict[Hashable, asyncio.Future[T]] = {}

    def __len__(self) -> int:
        return len(self._pending)

    async def __call__(self, key: Hashable, ask: Callable[[], Awaitable[T]]) -> T:
        """The answer to ``key``, asked by whoever came first; raises what ``ask`` raises."""
        pending = self._pending.get(key)
        if pending is None:
            pending = self._pending[key] = asyncio.ensure_future(ask())
            pending.add_done_callback(lambda done: self._done(key, done))
        return await asyncio.shield(pending)

    def _done(self, key: Hashable, done: asyncio.Future[T]) -> None:
        del self._pending[key]
        if not done.cancelled():
            done.exception()  # seen by now, even if every waiter has gone
