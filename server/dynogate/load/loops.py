"""The open and the closed loop: who decides when the next call is sent."""

import asyncio
import math
from abc import ABC, abstractmethod
from dataclasses import dataclass
from functools import partial
from time import perf_counter, thread_time

from dynogate.load.alarm import Alarm
from dynogate.load.book import Book
from dynogate.load.engines.base import Engine
from dynogate.load.replies import GOOD, Verdict
from dynogate.load.samples import Outcome

TICK = 0.02
"""Seconds between looks at the clock: the loop's own lag, and timeouts, are found at each."""

_BURST = 64
"""Overdue sends at a time; then replies are read, too."""
_SHORTEST_WAIT = 100e-6
"""Seconds between wake-ups at high rates; a send is late by no more than that on purpose."""
_GIVE_UP = 5.0
"""Seconds that the sends may lag behind the schedule's end before the rest is dropped."""
_LONGEST_PAUSE = 60.0
_PAUSE_WITHOUT_SERVER = 0.1
"""Seconds that a user of a closed loop waits after a failed connection, instead of spinning."""


@dataclass(frozen=True, slots=True)
class Snapshot:
    """How a run stands.

    Attributes:
        at: seconds since its start.
        sent: calls sent so far.
        ended: of these, those that ended.
        bad: of these, those that did not succeed.
        in_flight: calls without an answer yet.
    """

    at: float
    sent: int
    ended: int
    bad: int
    in_flight: int


class Loop(ABC):
    """Drives an engine until all calls have ended.

    Attributes:
        book: the record.
        in_flight: calls without an answer yet.
        lags: seconds that the event loop was late, at each tick.
        duration: how long calls were being sent, in seconds.
        cpu: seconds of CPU that this thread used meanwhile.
    """

    def __init__(self, book: Book, engine: Engine, timeout: float) -> None:
        self.book = book
        self.in_flight = 0
        self.lags: list[float] = []
        self.duration = self.cpu = 0.0
        self._cpu_before = 0.0
        self._engine = engine
        self._timeout = timeout
        self._bad = 0
        self._dropped = 0
        self._sending = True
        self._over = asyncio.Event()
        engine.driver = self

    async def run(self, start: float) -> None:
        """Send from ``start`` (of ``time.perf_counter``) on, and wait for the last answer."""
        self.book.start = start
        self._cpu_before = thread_time()
        ticker = asyncio.create_task(self._tick())
        try:
            self._begin()
            await self._over.wait()
        finally:
            self._end_sending()
            ticker.cancel()

    def stop(self) -> None:
        """Send no more and wait for nothing: calls in flight are abandoned."""
        self._end_sending()
        self._over.set()

    @abstractmethod
    def _begin(self) -> None: ...

    @abstractmethod
    def ended(self, index: int, verdict: Verdict) -> int:
        """See ``Driver``."""

    def snapshot(self) -> Snapshot:
        """How it stands now."""
        at = perf_counter() - self.book.start
        sent = self._started() - self._dropped
        return Snapshot(at, sent, sent - self.in_flight, self._bad, self.in_flight)

    @abstractmethod
    def _started(self) -> int:
        """How many entries of the book have had their time."""

    def _went_wrong(self, verdict: Verdict) -> None:
        self._bad += 1
        self.book.complain(verdict.why)

    def _end_sending(self) -> None:
        if self._sending:
            self._sending = False
            self.duration = perf_counter() - self.book.start
            self.cpu = thread_time() - self._cpu_before

    async def _tick(self) -> None:
        while True:
            before = perf_counter()
            await asyncio.sleep(TICK)
            now = perf_counter()
            self.lags.append(max(now - before - TICK, 0.0))
            self._engine.expire(now - self._timeout)
            self._look(now)

    @abstractmethod
    def _look(self, now: float) -> None:
        """What else there is to do at each tick."""


class OpenLoop(Loop):
    """The schedule decides, whatever the server does.

    Args:
        book: with the intended times.
        engine: what sends.
        timeout: seconds after which a call has failed.
        max_in_flight: a call that would be one more is dropped: recorded as never sent.
        duration: how long the schedule is, in seconds.
    """

    def __init__(
        self, book: Book, engine: Engine, timeout: float, *, max_in_flight: int, duration: float
    ) -> None:
        super().__init__(book, engine, timeout)
        self._max_in_flight = max_in_flight
        self._planned = duration
        self._next = 0
        self._alarm = Alarm(self._due)

    def _begin(self) -> None:
        self._due()

    def _end_sending(self) -> None:
        if self._sending:
            super()._end_sending()
            self.duration = min(max(self.duration, 0.0), self._planned)
            self.book.used = self._next
            self._alarm.close()

    def _due(self) -> None:
        """Send what is due, and ask to be called when the next one is."""
        if not self._sending:
            return
        book, index = self.book, self._next
        stop = min(index + _BURST, book.used)
        elapsed = perf_counter() - book.start
        while index < stop and book.intended[index] <= elapsed:
            if self.in_flight < self._max_in_flight:
                book.sent[index] = perf_counter()
                self.in_flight += 1
                self._engine.send(index)
            else:
                book.outcome[index] = Outcome.DROPPED
                self._dropped += 1
            index += 1
        self._next = index
        if index == book.used or elapsed > self._planned + _GIVE_UP:
            self._finish(index)
        else:
            wake = max(book.intended[index], elapsed + _SHORTEST_WAIT)
            self._alarm.at(book.start + wake)

    def _finish(self, index: int) -> None:
        for late in range(index, self.book.used):
            self.book.outcome[late] = Outcome.DROPPED
            self._dropped += 1
        self._next = self.book.used
        self._end_sending()
        self.duration = self._planned
        if self.in_flight == 0:
            self._over.set()

    def ended(self, index: int, verdict: Verdict) -> int:
        """See ``Driver``; the next call waits for its time."""
        book = self.book
        book.finished[index] = perf_counter()
        book.outcome[index] = verdict[0]
        self.in_flight -= 1
        if verdict is not GOOD:
            self._went_wrong(verdict)
        if not self._sending and self.in_flight == 0:
            self._over.set()
        return -1

    def _started(self) -> int:
        return self._next

    def _look(self, now: float) -> None:
        """Nothing: the schedule ends it."""


class ClosedLoop(Loop):
    """A number of users, each of whom calls again as soon as it was answered.

    A user who is told to come back later (Retry-After) waits that long, one minute at most;
    one whose connection failed waits a tenth of a second.

    Args:
        book: empty.
        engine: what sends.
        timeout: seconds after which a call has failed.
        users: how many.
        duration: seconds after which nobody calls again; None for no such limit.
        calls: calls after which nobody calls again; None for no such limit.
        max_rate: calls a second that all users together make at most; None for no such limit.
    """

    def __init__(
        self,
        book: Book,
        engine: Engine,
        timeout: float,
        *,
        users: int,
        duration: float | None = None,
        calls: int | None = None,
        max_rate: float | None = None,
    ) -> None:
        super().__init__(book, engine, timeout)
        self._users = users
        self._duration = math.inf if duration is None else duration
        self._deadline = math.inf
        self._calls = math.inf if calls is None else calls
        self._gap = 0.0 if max_rate is None else 1 / max_rate
        self._next_slot = 0.0
        self._loop = asyncio.get_running_loop()

    def _begin(self) -> None:
        self._deadline = self.book.start + self._duration
        wait = max(self.book.start - perf_counter(), 0.0)
        for _ in range(self._users):
            self._loop.call_later(wait, self._call_again)

    def _call_again(self, *, in_turn: bool = False) -> None:
        if not self._sending:
            return
        now = perf_counter()
        if self._gap and not in_turn and self._has_to_wait(now):
            return
        index = self._next_call(now)
        if index >= 0:
            self.in_flight += 1
            self._engine.send(index)
        elif self.in_flight == 0:
            self._over.set()

    def _has_to_wait(self, now: float) -> bool:
        """Whether this user's turn comes later; then it calls again by itself."""
        slot = max(now, self._next_slot)
        self._next_slot = slot + self._gap
        if slot > now:
            self._loop.call_later(slot - now, partial(self._call_again, in_turn=True))
        return slot > now

    def _next_call(self, now: float) -> int:
        """A new call that starts ``now``, or -1 where it is time to stop."""
        book = self.book
        if now < self._deadline and book.used < self._calls and self._sending:
            index = book.used
            if index == len(book.sent):
                book.grow()
            book.used = index + 1
            book.sent[index] = now
            return index
        self._end_sending()
        return -1

    def ended(self, index: int, verdict: Verdict) -> int:
        """See ``Driver``; the user calls again, at once or when told to."""
        now = perf_counter()
        book = self.book
        book.finished[index] = now
        book.outcome[index] = verdict[0]
        if verdict is not GOOD:
            following = self._after(verdict, now)
        else:
            following = self._following(now) if self._gap else self._next_call(now)
        if following < 0:
            self.in_flight -= 1
            if not self._sending and self.in_flight == 0:
                self._over.set()
        return following

    def _following(self, now: float) -> int:
        """The user's next call, or -1 where there is none now."""
        return -1 if self._gap and self._has_to_wait(now) else self._next_call(now)

    def _after(self, verdict: Verdict, now: float) -> int:
        """What a user does who was not served."""
        self._went_wrong(verdict)
        lost = verdict.outcome in (Outcome.CONNECTION, Outcome.DROPPED)
        pause = _PAUSE_WITHOUT_SERVER if lost else min(verdict.retry_after, _LONGEST_PAUSE)
        if pause <= 0:
            return self._following(now)
        self._loop.call_later(pause, self._call_again)
        return -1

    def _started(self) -> int:
        return self.book.used

    def _look(self, now: float) -> None:
        """End the run though every user waits to be let in again."""
        if self.in_flight == 0 and now >= self._deadline:
            self.stop()
