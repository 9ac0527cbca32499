"""How many calls are under way at once, and what becomes of those for which there is no place.

A call that never waits is over before the next one can begin, and takes no place. Others take one
each while they wait (for a thread, a job, another server). Without a free place a call waits in a
queue that is bounded in length and in time: while the queue keeps emptying, a call may wait long
enough to get over a burst; once it has not been empty for a while, only for a moment, and the
newest go first, because those who waited longest have likely given up ("Fail at Scale", B. Maurer,
ACM Queue 13(8), 2015).
"""

import asyncio
import time
from collections import deque
from collections.abc import Awaitable, Callable, Generator
from typing import Any, TypeVar

from dynogate.errors import Busy, RateLimited, ToolTimedOut
from dynogate.guards.adaptive import AdaptiveLimit
from dynogate.guards.deadline import rest
from dynogate.resilience.deadline import deadline

T = TypeVar("T")

_BURST_SEC = 1.0
_OVERLOAD_SEC = 0.1
_OVERLOADED_AFTER_SEC = 1.0
_RETRY_SEC = 1.0


class Admission:
    """The places of one kind of call. Belongs to one event loop.

    Args:
        limit: how many may be under way; None where something else decides it.
        max_queued: how many may wait for a place.
        each: how many one caller may have under way; None for any number.
        timeout_sec: longest that a call may take; None for any time.

    Attributes:
        under_way: how many calls have a place now.
    """

    def __init__(
        self,
        *,
        limit: AdaptiveLimit | None,
        max_queued: int,
        each: int | None,
        timeout_sec: float | None,
    ) -> None:
        self.under_way = 0
        self._limit = limit
        self._max_queued = max_queued
        self._each = each
        self._timeout_sec = timeout_sec
        self._of_caller: dict[str, int] = {}
        self._queue: deque[asyncio.Future[None]] = deque()
        self._promised = 0
        self._filled_at = 0.0

    @property
    def queued(self) -> int:
        """How many calls wait for a place."""
        return len(self._queue)

    @property
    def limit(self) -> float:
        """How many may be under way now; 0 where something else decides it."""
        return 0.0 if self._limit is None else self._limit.limit

    async def run(
        self,
        name: str,
        share: str,
        work: Callable[[], Awaitable[T]],
        timeout_sec: float | None = None,
    ) -> T:
        """Do ``work`` once there is a place for it.

        Args:
            name: of the tool.
            share: what the caller is counted as.
            timeout_sec: the caller's own bound.

        Raises:
            Busy: there will be no place soon.
            RateLimited: the caller has all the places it may have.
            ToolTimedOut: it took too long.
        """
        if self._each is not None and self._of_caller.get(share, 0) >= self._each:
            raise _too_many_at_once(self._each)
        if self._limit is not None and self._is_full(self._limit):
            await self._wait_for_place(self._limit)
        steps = work().__await__()
        try:
            blocker = next(steps)
        except BaseException as ended:
            if self._queue:
                self._wake()  # the place is another's: this call is over
            if not isinstance(ended, StopIteration):
                raise
            result: T = ended.value
            return result
        self._enter(share)
        try:
            return await self._finish(name, steps, blocker, timeout_sec)
        finally:
            self._leave(share)

    async def _finish(
        self,
        name: str,
        steps: Generator[Any, Any, T],
        blocker: object,
        asked_sec: float | None,
    ) -> T:
        start = time.monotonic()
        bound = _shorter(self._timeout_sec, asked_sec)
        try:
            with deadline(bound):
                async with asyncio.timeout(bound) as limit:
                    result = await rest(steps, blocker)
        except TimeoutError:
            if not limit.expired():
                raise
            self._note(name, start)
            whose = "as this call asked" if bound == asked_sec else "DYNOGATE_CALL_TIMEOUT_SEC"
            raise ToolTimedOut(f"{name} did not finish within {bound:g} s ({whose})") from None
        self._note(name, start)
        return result

    def _note(self, name: str, start: float) -> None:
        if self._limit is not None:
            self._limit.note(name, time.monotonic() - start, self.under_way)

    def _enter(self, share: str) -> None:
        self.under_way += 1
        self._of_caller[share] = self._of_caller.get(share, 0) + 1

    def _leave(self, share: str) -> None:
        self.under_way -= 1
        left = self._of_caller[share] - 1
        if left:
            self._of_caller[share] = left
        else:
            del self._of_caller[share]
        self._wake()

    def _is_full(self, limit: AdaptiveLimit) -> bool:
        return self.under_way + self._promised >= limit.limit

    async def _wait_for_place(self, limit: AdaptiveLimit) -> None:
        now = time.monotonic()
        if not self._queue:
            self._filled_at = now
        if len(self._queue) >= self._max_queued:
            raise _no_place(f"{len(self._queue)} calls wait for one already")
        patience = _OVERLOAD_SEC if self._is_overloaded(now) else _BURST_SEC
        place = asyncio.get_running_loop().create_future()
        self._queue.append(place)
        try:
            async with asyncio.timeout(patience):
                await place
        except BaseException as problem:
            if place.done() and not place.cancelled():  # promised, but not to be used
                self._promised -= 1
                self._wake()
            elif place in self._queue:
                self._queue.remove(place)
            if isinstance(problem, TimeoutError):
                raise _no_place(f"none became free within {patience:g} s") from None
            raise
        self._promised -= 1

    def _wake(self) -> None:
        """Promise places that are free to calls that wait."""
        while self._queue and self._limit is not None and not self._is_full(self._limit):
            newest_first = self._is_overloaded(time.monotonic())
            place = self._queue.pop() if newest_first else self._queue.popleft()
            if not place.done():  # or it just gave up
                place.set_result(None)
                self._promised += 1

    def _is_overloaded(self, now: float) -> bool:
        return bool(self._queue) and now - self._filled_at > _OVERLOADED_AFTER_SEC


def _shorter(one: float | None, other: float | None) -> float | None:
    if one is None or other is None:
        return one if other is None else other
    return min(one, other)


def _no_place(why: str) -> Busy:
    return Busy(f"this gateway has no place for another call: {why}", retry_after=_RETRY_SEC)


def _too_many_at_once(each: int) -> RateLimited:
    return RateLimited(
        f"too many calls at once: {each} of this caller are under way "
        "(DYNOGATE_MAX_CONCURRENT_PER_CLIENT); try again when one has ended",
        retry_after=_RETRY_SEC,
        policy="client-at-once",
        policies=f'"client-at-once";q={each};qu="concurrent-requests"',
    )
