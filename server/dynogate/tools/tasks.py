"""Calls that outlive their request: run here, recorded in the store, asked about anywhere.

A call becomes a task where its tool calls `ToolContext.defer`, if the client can come back for the
result. The process that took the call, the owner, runs it to its end; cancels and answers reach it
through the store, whichever process they were sent to.
"""

import asyncio
from collections.abc import Callable, Coroutine, Mapping
from functools import partial
from typing import Any

from dynogate.errors import (
    Busy,
    DynogateError,
    InternalError,
    StoreUnavailable,
    ToolCancelled,
    ToolTimedOut,
)
from dynogate.store.tasks import CANCELLED, COMPLETED, FAILED, TaskRow, TaskTable
from dynogate.telemetry.logs import get_logger
from dynogate.tools.context import Client, Progress
from dynogate.tools.inputs import Answer, InputRequest
from dynogate.tools.task_news import TaskNews
from dynogate.wire.jsonrpc import error_object
from dynogate.wire.mcp import LogLevel

POLL_SEC = 0.5
"""How often an owner looks for cancels and answers, and writes down how far its tasks have come."""

_STOPPED = "the gateway was shut down before the task ended; call the tool again"

Failed = Callable[[DynogateError], bytes | None]

log = get_logger(__name__)


class DeferredCall(Client):
    """One call that may become a task: its client before, and the client of the task after.

    Attributes:
        made: the task's record, once it is one.
        note: how far the task has come.
    """

    def __init__(
        self, runner: "TaskRunner", principal: str, tool: str, client: Client, progress: Progress
    ) -> None:
        self.made: asyncio.Future[TaskRow] = asyncio.get_running_loop().create_future()
        self.note: str | None = None
        self._runner = runner
        self._principal = principal
        self._tool = tool
        self._client = client
        self._progress = progress
        self._answered: dict[str, Answer] = {}
        self._news = asyncio.Event()
        self._work: asyncio.Task[bytes] | None = None
        self._stopped: str | None = None
        self._is_ending = False

    async def defer(self) -> None:
        """Make the call a task, which is in the store when this returns.

        Raises:
            Busy: the principal has as many as may be.
        """
        if self.made.done():
            return
        creating = asyncio.create_task(self._runner.create(self._principal, self._tool))
        try:
            row = await asyncio.shield(creating)
        except asyncio.CancelledError:  # the client went away; nobody will ask for the task
            await self._runner.end((await creating).id, CANCELLED)
            raise
        self.made.set_result(row)
        self._runner.took(row.id, self)

    def progress(self, done: float, total: float | None, message: str) -> None:
        """Tell the client, or whoever asks about the task."""
        if self.made.done():
            self.note = message or (f"{done:g} of {total:g}" if total else f"{done:g}")
        else:
            self._progress(done, total, message)

    def log(self, level: LogLevel, data: object, logger: str | None = None) -> None:
        """Tell the client while it waits; of a task there is no log."""
        if not self.made.done():
            self._client.log(level, data, logger)

    def can(self, request: InputRequest) -> bool:
        """Whether the client that made the call can be asked this."""
        return self._client.can(request)

    async def _answers(self, requests: Mapping[str, InputRequest]) -> dict[str, Answer]:
        if not self.made.done():
            return await self._client.ask(requests)
        missing = {key: each for key, each in requests.items() if key not in self._answered}
        if missing:
            await self._runner.require(self.made.result().id, missing)
            try:
                async with asyncio.timeout(self._runner.patience_sec):
                    while not requests.keys() <= self._answered.keys():
                        self._news.clear()
                        await self._news.wait()
            except TimeoutError:
                raise ToolTimedOut(f"nobody answered {', '.join(missing)} in time") from None
        return {key: self._answered[key] for key in requests}

    def learn(self, row: TaskRow) -> None:
        """Take in what was done to the task's record."""
        if row.cancel_us is not None:
            self.stop("cancelled by the client")
        self._answered |= row.answers
        self._news.set()

    def start(self, call: Coroutine[Any, Any, bytes], failed: Failed) -> asyncio.Task[bytes]:
        """Run ``call``, whose end is the task's."""
        self._work = asyncio.create_task(self._run(call, failed))
        return self._work

    def stop(self, reason: str | None) -> None:
        """Cancel the call; None as the reason: it is the gateway that stops."""
        if self._work is not None and self._stopped is None and not self._is_ending:
            self._stopped = reason
            self._work.cancel()

    async def wait(self) -> None:
        """Wait until the call has ended, however it does."""
        if self._work is not None:
            await asyncio.wait({self._work})

    async def _run(self, call: Coroutine[Any, Any, bytes], failed: Failed) -> bytes:
        outcome: bytes | None
        message: str | None
        try:
            outcome = await call
        except (Exception, asyncio.CancelledError) as error:
            if not self.made.done():
                raise
            state, outcome, message = self._end_of(error, failed)
        else:
            if not self.made.done():
                return outcome
            state, message = COMPLETED, None
        self._is_ending = True  # and is not to be stopped while that is written down
        await self._runner.end(self.made.result().id, state, outcome=outcome, message=message)
        return b""

    def _end_of(self, error: BaseException, failed: Failed) -> tuple[str, bytes | None, str]:
        if self._stopped is not None:
            return CANCELLED, None, self._stopped
        if isinstance(error, asyncio.CancelledError):
            return FAILED, None, _STOPPED
        if not isinstance(error, DynogateError):
            log.error("task failed", tool=self._tool, exc_info=error)
            error = InternalError("a fault in the gateway; its log has the details")
        result = failed(error)
        if result is not None:
            return COMPLETED, result, error.message
        return FAILED, error_object(error), error.message


class TaskRunner:
    """The tasks of one process.

    Attributes:
        patience_sec: how long a task waits for an answer of its client.
        news: for those who want to be told what becomes of a task.

    Args:
        owner: what the records say of this process.
        patience_sec: how long a task waits for an answer of its client.
        poll_sec: how often to look for cancels and answers that other processes took.
    """

    def __init__(
        self, table: TaskTable, owner: str, *, patience_sec: float, poll_sec: float = POLL_SEC
    ) -> None:
        self.patience_sec = patience_sec
        self.news = TaskNews(table, poll_sec=poll_sec)
        self._table = table
        self._owner = owner
        self._poll_sec = poll_sec
        self._running: dict[str, DeferredCall] = {}
        self._unwritten: dict[str, Callable[[], None]] = {}
        self._keeper: asyncio.Task[None] | None = None

    @property
    def running(self) -> int:
        """Tasks of this process that have not ended."""
        return len(self._running)

    async def call(
        self,
        principal: str,
        tool: str,
        run: Callable[[DeferredCall], Coroutine[Any, Any, bytes]],
        *,
        client: Client,
        progress: Progress,
        failed: Failed,
    ) -> TaskRow | bytes:
        """Run a call until it has a result or has become a task.

        Args:
            run: the call itself, given what it is to talk to.
            client: whom it talks to until it is a task.
            progress: where it tells how far it has come until then.
            failed: the result that tells of an error, or None for an error of the protocol.

        Raises:
            DynogateError: what ``run`` raises before it is a task.
        """
        call = DeferredCall(self, principal, tool, client, progress)
        work = call.start(run(call), failed)
        try:
            await asyncio.wait((work, call.made), return_when=asyncio.FIRST_COMPLETED)
        except asyncio.CancelledError:
            call.stop("the client went away")
            await asyncio.gather(work, return_exceptions=True)
            raise
        return call.made.result() if call.made.done() else work.result()

    async def create(self, principal: str, tool: str) -> TaskRow:
        """Record a task of this process.

        Raises:
            Busy: the principal has as many as may be.
            StoreUnavailable: it cannot be recorded.
        """
        row = await asyncio.to_thread(self._table.create, principal, tool, self._owner)
        if row is None:
            raise Busy(
                "as many tasks are kept as one client may have; they go some time after their end",
                retry_after=60.0,
            )
        return row

    async def require(self, task_id: str, requests: Mapping[str, InputRequest]) -> None:
        """Have the client asked.

        Raises:
            ToolCancelled: the task was given up.
        """
        told = {key: request.as_mcp() for key, request in requests.items()}
        if await asyncio.to_thread(self._table.require, task_id, told) is None:
            raise ToolCancelled("the task was given up")

    async def end(
        self, task_id: str, state: str, *, outcome: bytes | None = None, message: str | None = None
    ) -> None:
        """Record how a task of this process ended: now, or as soon as the store takes it."""
        write = partial(self._table.ended, task_id, state, outcome=outcome, message=message)
        try:
            await asyncio.to_thread(write)
        except StoreUnavailable as error:
            log.error("the end of a task cannot be recorded now", task=task_id, problem=str(error))
            self._unwritten[task_id] = write
            self._look_after()
        finally:
            self._running.pop(task_id, None)

    def took(self, task_id: str, call: DeferredCall) -> None:
        """Look after a call that has become a task of this process."""
        self._running[task_id] = call
        self._look_after()

    def _look_after(self) -> None:
        if self._keeper is None or self._keeper.done():
            self._keeper = asyncio.create_task(self._keep())

    async def get(self, task_id: str, principal: str) -> TaskRow | None:
        """The principal's task, whichever process runs it; None where there is none."""
        return await asyncio.to_thread(self._table.get, task_id, principal)

    async def answer(self, task_id: str, principal: str, answers: Mapping[str, Answer]) -> bool:
        """Give a task what it asked for; False where the principal has no such task."""
        given = dict(answers)
        found = await asyncio.to_thread(self._table.answer, task_id, principal, given)
        await self._pass_on(task_id, principal)
        return found

    async def cancel(self, task_id: str, principal: str) -> bool:
        """Ask a task to stop; False where the principal has no such task."""
        found = await asyncio.to_thread(self._table.cancel, task_id, principal)
        await self._pass_on(task_id, principal)
        return found

    async def close(self) -> None:
        """Stop the tasks that still run here, and record that it was not their fault."""
        calls = list(self._running.values())
        for call in calls:
            call.stop(None)
        for call in calls:
            await call.wait()
        await self.news.close()
        if self._keeper is not None:
            self._keeper.cancel()
            await asyncio.wait({self._keeper})

    async def _pass_on(self, task_id: str, principal: str) -> None:
        """Tell a task of this process at once; others hear of it from the store."""
        call = self._running.get(task_id)
        row = None if call is None else await self.get(task_id, principal)
        if call is not None and row is not None:
            call.learn(row)

    async def _keep(self) -> None:
        """Keep the records of the tasks that run here, and act on what others wrote there."""
        clock = asyncio.get_running_loop().time
        renewed = clock()
        while self._running or self._unwritten:
            await asyncio.sleep(self._poll_sec)
            due = clock() - renewed > self.patience_sec / 4
            try:
                rows = await asyncio.to_thread(self._write_and_read, renew=due)
            except StoreUnavailable:
                continue  # the next look may find it again
            if due:
                renewed = clock()
            for row in rows:
                if row.id in self._running:
                    self._running[row.id].learn(row)

    def _write_and_read(self, *, renew: bool) -> list[TaskRow]:
        for task_id, write in list(self._unwritten.items()):
            write()
            del self._unwritten[task_id]
        calls = dict(self._running)
        for task_id, call in calls.items():
            note, call.note = call.note, None
            if note is not None:
                self._table.note(task_id, note)
        if renew:
            self._table.renew(calls)
        return self._table.pending(self._owner)
