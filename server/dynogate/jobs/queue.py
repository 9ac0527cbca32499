"""Where long work waits for its turn: bounded, first come, first served."""

import asyncio
import contextvars
import logging
import statistics
import time
import uuid
from collections import deque
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from typing import TypeVar

from dynogate.errors import Busy, ToolCancelled
from dynogate.jobs.cancel import CancelToken
from dynogate.jobs.records import JobRecords, this_owner

T = TypeVar("T")
OnProgress = Callable[[float, float | None, str], None]

_FIRST_GUESS_SEC = 5.0  # how long a job takes, before any has ended
_REMEMBERED = 32
_RETRY_SEC = (1.0, 120.0)
_GONE = "the caller went away"

_log = logging.getLogger(__name__)


class JobHandle:
    """A job as the work itself sees it.

    Attributes:
        id: unique for ever.
        cancel: asks the work to stop.
    """

    def __init__(self, report: OnProgress | None) -> None:
        self.id = uuid.uuid4().hex
        self.cancel = CancelToken()
        self._report = report

    def progress(self, done: float, total: float | None = None, message: str = "") -> None:
        """Tell whoever waits how far the work is; ``total`` is None where it is not known."""
        if self._report is not None:
            self._report(done, total, message)


class JobQueue:
    """Runs work in threads, so many at once; so many more wait; beyond that it is ``Busy``.

    Belongs to one event loop.

    Args:
        max_running: how many jobs run at once.
        max_queued: how many more may wait.
        records: where jobs are written down, if anywhere.
    """

    def __init__(
        self, *, max_running: int, max_queued: int, records: JobRecords | None = None
    ) -> None:
        self.max_running = max_running
        self.max_queued = max_queued
        self._records = records
        self._owner = this_owner()
        self._threads = ThreadPoolExecutor(max_running, thread_name_prefix="job")
        self._writer = ThreadPoolExecutor(1, thread_name_prefix="job-records")
        self._running = 0
        self._waiting: deque[asyncio.Future[None]] = deque()
        self._handles: set[JobHandle] = set()
        self._idle = asyncio.Event()
        self._idle.set()
        self._draining = False
        self._durations: deque[float] = deque(maxlen=_REMEMBERED)

    @property
    def running(self) -> int:
        """Jobs whose work runs now."""
        return self._running

    @property
    def queued(self) -> int:
        """Jobs that wait for a place."""
        return len(self._handles) - self._running

    def check_room(self) -> None:
        """Find out before a job is made whether it would be taken now.

        Raises:
            Busy: no place in the queue, or it is being drained.
        """
        if self._draining or len(self._handles) >= self.max_running + self.max_queued:
            raise self._busy()

    async def run(
        self,
        kind: str,
        work: Callable[[JobHandle], T],
        *,
        principal: str = "local",
        on_progress: OnProgress | None = None,
    ) -> T:
        """Wait for a place, run ``work`` in a thread and return what it returns.

        When the calling task is cancelled, the handle's token is cancelled and this waits until
        the work has stopped before it lets go.

        Args:
            kind: what sort of work it is, for the records.
            principal: for whom, for the records.
            on_progress: called on the event loop with what the work reports.

        Raises:
            Busy: no place in the queue, or it is being drained.
            ToolCancelled: the queue was drained while the job still waited.
        """
        with self._admitted(on_progress) as handle:
            try:
                if self._records is not None:
                    await self._write(
                        self._records.created, handle.id, kind, principal, self._owner
                    )
                await self._wait_for_place(handle)
            except BaseException as error:
                if isinstance(error, asyncio.CancelledError):
                    handle.cancel.cancel(str(error) or _GONE)
                await self._write(self._note_end, handle, error)
                raise
            try:
                return await self._execute(handle, work)
            finally:
                self._release()

    async def drain(self, timeout_sec: float) -> None:
        """Accept no more; let what is there end, and cancel what has not ended in this time.

        Comes back when no work runs any more, and closes the queue for good.
        """
        self._draining = True
        try:
            await asyncio.wait_for(self._idle.wait(), timeout_sec)
        except TimeoutError:
            for handle in self._handles:
                handle.cancel.cancel("the gateway is shutting down")
            await self._idle.wait()
        self._threads.shutdown(wait=False)
        self._writer.shutdown(wait=False)

    @contextmanager
    def _admitted(self, on_progress: OnProgress | None) -> Iterator[JobHandle]:
        """Count a job in, or raise ``Busy``."""
        self.check_room()
        handle = JobHandle(on_progress and self._on_loop(on_progress))
        self._handles.add(handle)
        self._idle.clear()
        try:
            yield handle
        finally:
            self._handles.remove(handle)
            if not self._handles:
                self._idle.set()

    def _busy(self) -> Busy:
        """The error, with the time until the next of the running jobs is likely to end."""
        typical = statistics.median(self._durations) if self._durations else _FIRST_GUESS_SEC
        retry_after = min(max(typical / self.max_running, _RETRY_SEC[0]), _RETRY_SEC[1])
        why = (
            "the gateway is shutting down"
            if self._draining
            else f"{self._running} running and {self.queued} waiting already"
        )
        return Busy(f"{why}; try again in {retry_after:.0f} s", retry_after=retry_after)

    def _on_loop(self, on_progress: OnProgress) -> OnProgress:
        loop = asyncio.get_running_loop()

        def report(done: float, total: float | None, message: str) -> None:
            loop.call_soon_threadsafe(on_progress, done, total, message)

        return report

    async def _wait_for_place(self, handle: JobHandle) -> None:
        """Come back holding one of the running places; whoever does must ``_release`` it."""
        if self._running < self.max_running:
            self._running += 1
            return
        loop = asyncio.get_running_loop()
        place: asyncio.Future[None] = loop.create_future()

        def give_up() -> None:
            if not place.done():
                place.set_exception(ToolCancelled(f"cancelled: {handle.cancel.reason}"))

        def wake() -> None:
            loop.call_soon_threadsafe(give_up)

        self._waiting.append(place)
        with handle.cancel.calling(wake):
            try:
                await place
            except asyncio.CancelledError:
                if not place.cancelled() and place.exception() is None:
                    self._release()  # the place came at the same moment
                raise

    def _release(self) -> None:
        """Hand the place to whoever has waited longest."""
        while self._waiting:
            place = self._waiting.popleft()
            if not place.done():
                place.set_result(None)
                return
        self._running -= 1

    async def _execute(self, handle: JobHandle, work: Callable[[JobHandle], T]) -> T:
        began = time.monotonic()
        run = contextvars.copy_context().run
        future = asyncio.get_running_loop().run_in_executor(
            self._threads, run, self._perform, handle, work
        )
        try:
            result = await asyncio.shield(future)
        except asyncio.CancelledError as error:
            handle.cancel.cancel(str(error) or _GONE)
            await _settled(future)
            raise
        self._durations.append(time.monotonic() - began)
        return result

    def _perform(self, handle: JobHandle, work: Callable[[JobHandle], T]) -> T:
        """In a thread of the pool: the work, and its records around it."""
        try:
            if self._records is not None:
                self._records.started(handle.id)
            result = work(handle)
        except BaseException as error:
            self._note_end(handle, error)
            raise
        self._note_end(handle, None)
        return result

    def _note_end(self, handle: JobHandle, error: BaseException | None) -> None:
        """Write down how a job ended; that this fails must not cost the job's result."""
        if self._records is None:
            return
        state = "done" if error is None else "failed"
        reason = None if error is None else str(error) or type(error).__name__
        if handle.cancel.cancelled or isinstance(error, ToolCancelled):
            state, reason = "cancelled", handle.cancel.reason or reason
        try:
            self._records.ended(handle.id, state, reason)
        except Exception:
            _log.exception("the end of job %s could not be recorded", handle.id)

    async def _write(self, function: Callable[..., object], *arguments: object) -> None:
        """Call a function of the records off the event loop, each after the one before."""
        loop = asyncio.get_running_loop()
        future = loop.run_in_executor(self._writer, function, *arguments)
        try:
            await asyncio.shield(future)
        except asyncio.CancelledError:
            await _settled(future)
            raise


async def _settled(future: asyncio.Future[T]) -> None:
    """Wait until a future is done, however often the waiting task is cancelled meanwhile."""
    while not future.done():
        try:
            await asyncio.wait([future])
        except asyncio.CancelledError:
            continue
