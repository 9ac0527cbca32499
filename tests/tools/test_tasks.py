import asyncio
import threading
from collections.abc import AsyncIterator, Callable, Coroutine, Mapping
from pathlib import Path
from typing import Any

import msgspec
import pytest

from dynogate.errors import (
    Busy,
    DynogateError,
    InternalError,
    MissingCapability,
    StoreUnavailable,
    ToolError,
)
from dynogate.store.database import Database
from dynogate.store.tasks import TaskRow, TaskTable
from dynogate.tools.context import DEAF, Client
from dynogate.tools.inputs import ROOTS, Answer, InputRequest, InputRequired, form
from dynogate.tools.tasks import DeferredCall, TaskRunner
from dynogate.wire.mcp import LogLevel
from dynogate.wire.results import tool_failure

ME = "local"
Call = Callable[[DeferredCall], Coroutine[Any, Any, bytes]]

SURE = form("Sure?", {"type": "object"})
LIMIT_SEC = 20.0


class Listener(Client):
    """A client that can be asked for roots, and remembers what it was told."""

    def __init__(self) -> None:
        self.heard: list[object] = []

    def log(self, level: LogLevel, data: object, logger: str | None = None) -> None:
        self.heard.append(data)

    def can(self, request: InputRequest) -> bool:
        return request is ROOTS

    async def _answers(self, requests: Mapping[str, InputRequest]) -> dict[str, Answer]:
        raise InputRequired(requests)


@pytest.fixture
def table(tmp_path: Path) -> TaskTable:
    database = Database(f"sqlite:///{tmp_path / 'tasks.db'}")
    database.migrate()
    return TaskTable(
        database, keep_us=3_600_000_000, max_per_principal=5, owner_is_alive=lambda owner: True
    )


@pytest.fixture
async def runner(table: TaskTable) -> AsyncIterator[TaskRunner]:
    running = TaskRunner(table, "me:1", patience_sec=10.0, poll_sec=0.02)
    yield running
    await running.close()


def failed(error: DynogateError) -> bytes | None:
    return tool_failure(error) if isinstance(error, ToolError) else None


async def start(
    runner: TaskRunner, run: Call, client: Client = DEAF, told: list[str] | None = None
) -> TaskRow | bytes:
    def progress(done: float, total: float | None, message: str) -> None:
        if told is not None:
            told.append(message)

    return await runner.call(ME, "slow", run, client=client, progress=progress, failed=failed)


async def started(runner: TaskRunner, run: Call, client: Client = DEAF) -> str:
    made = await start(runner, run, client)
    assert isinstance(made, TaskRow)
    return made.id


async def until(runner: TaskRunner, task_id: str, *states: str) -> TaskRow:
    """The task's record once it is in one of these states."""
    async with asyncio.timeout(LIMIT_SEC):
        while True:
            row = await runner.get(task_id, ME)
            assert row is not None
            if row.state in states:
                return row
            await asyncio.sleep(0.01)


async def forever(call: DeferredCall) -> bytes:
    await call.defer()
    await asyncio.Event().wait()
    return b"{}"


async def confirming(call: DeferredCall) -> bytes:
    await call.defer()
    answers = await call.ask({"roots": ROOTS})
    return msgspec.json.encode(answers)


async def test_a_call_that_never_defers_is_answered_at_once(runner: TaskRunner) -> None:
    """There is no task then, and no record."""

    async def quick(call: DeferredCall) -> bytes:
        return b'{"content":[]}'

    assert await start(runner, quick) == b'{"content":[]}'


async def test_an_error_before_the_task_is_the_calls_own(runner: TaskRunner) -> None:
    """Whoever called is told at once, as if there were no tasks."""

    async def bad(call: DeferredCall) -> bytes:
        raise ToolError("no such script")

    with pytest.raises(ToolError, match="no such script"):
        await start(runner, bad)


async def test_a_deferred_call_is_in_the_store_before_the_reply(
    runner: TaskRunner, table: TaskTable
) -> None:
    """Another process finds it as soon as the client knows its id."""
    made = await start(runner, forever)
    assert isinstance(made, TaskRow)
    assert table.get(made.id, ME) == made


async def test_a_result_is_kept(runner: TaskRunner) -> None:
    """Byte by byte as the call would have answered."""

    async def slow(call: DeferredCall) -> bytes:
        await call.defer()
        await call.defer()  # a tool may come by more than once
        return b'{"content":[],"isError":false}'

    ended = await until(runner, await started(runner, slow), "completed")
    assert ended.outcome == b'{"content":[],"isError":false}'


async def test_a_failing_tool_has_completed(runner: TaskRunner) -> None:
    """The status failed is for errors of the protocol."""

    async def failing(call: DeferredCall) -> bytes:
        await call.defer()
        raise ToolError("the script raised")

    ended = await until(runner, await started(runner, failing), "completed", "failed")
    assert ended.state == "completed"
    assert ended.outcome is not None
    assert msgspec.json.decode(ended.outcome)["isError"] is True
    assert ended.message == "the script raised"


@pytest.mark.parametrize(
    ("error", "message"),
    [
        (InternalError("slow failed"), "slow failed"),
        (RuntimeError("secret detail"), "a fault in the gateway; its log has the details"),
    ],
)
async def test_an_error_of_the_protocol_is_kept(
    runner: TaskRunner, error: Exception, message: str
) -> None:
    """As the error object of JSON-RPC, and without what is nobody's business."""

    async def broken(call: DeferredCall) -> bytes:
        await call.defer()
        raise error

    ended = await until(runner, await started(runner, broken), "completed", "failed")
    assert ended.state == "failed"
    assert ended.outcome is not None
    assert msgspec.json.decode(ended.outcome) == {"code": -32603, "message": message}


async def test_a_cancel_stops_the_work(runner: TaskRunner) -> None:
    """Once, so that it can put things in order; whatever it raises then, it was cancelled."""
    interrupted: list[str] = []

    async def careful(call: DeferredCall) -> bytes:
        await call.defer()
        try:
            await asyncio.Event().wait()
        except asyncio.CancelledError:
            await asyncio.sleep(0.1)
            interrupted.append("tidied up")
            raise ToolError("interrupted") from None
        return b"{}"

    task_id = await started(runner, careful)
    assert await runner.cancel(task_id, ME)
    ended = await until(runner, task_id, "cancelled", "completed")
    assert (ended.state, ended.message) == ("cancelled", "cancelled by the client")
    assert interrupted == ["tidied up"]
    assert await runner.cancel(task_id, ME)  # told once more, it is still known


async def test_a_cancel_reaches_the_process_that_runs_the_task(
    runner: TaskRunner, table: TaskTable
) -> None:
    """Through the store, whichever process the client's request came to."""
    other = TaskRunner(table, "me:2", patience_sec=10.0)
    task_id = await started(runner, forever)
    assert await other.cancel(task_id, ME)
    assert (await until(other, task_id, "cancelled")).owner == "me:1"


async def test_nobody_else_can_touch_a_task(runner: TaskRunner) -> None:
    """To another principal it is not there."""
    task_id = await started(runner, forever)
    assert await runner.get(task_id, "key:eve") is None
    assert not await runner.cancel(task_id, "key:eve")
    assert not await runner.answer(task_id, "key:eve", {"roots": {}})
    assert (await until(runner, task_id, "working")).cancel_us is None


@pytest.mark.parametrize("is_other_process", [False, True])
async def test_a_task_asks_and_goes_on(
    runner: TaskRunner, table: TaskTable, is_other_process: bool
) -> None:
    """What it asks is told to whoever gets it, and any process takes the answer."""
    task_id = await started(runner, confirming, Listener())
    asked = await until(runner, task_id, "input_required")
    assert asked.requests == {"roots": {"method": "roots/list", "params": {}}}
    taker = TaskRunner(table, "me:2", patience_sec=10.0) if is_other_process else runner
    assert await taker.answer(task_id, ME, {"roots": {"roots": []}, "more": {}})
    ended = await until(runner, task_id, "completed")
    assert ended.outcome == b'{"roots":{"roots":[]}}'


async def test_the_same_question_is_asked_once(runner: TaskRunner) -> None:
    """Its answer is remembered under its name."""

    async def asking_twice(call: DeferredCall) -> bytes:
        await call.defer()
        first, second = await call.ask({"roots": ROOTS}), await call.ask({"roots": ROOTS})
        return b"true" if first == second else b"false"

    task_id = await started(runner, asking_twice, Listener())
    await until(runner, task_id, "input_required")
    await runner.answer(task_id, ME, {"roots": {"roots": []}})
    assert (await until(runner, task_id, "completed")).outcome == b"true"


async def test_a_question_before_the_task_is_the_calls_own(runner: TaskRunner) -> None:
    """Then it is answered by sending the call again, and the task begins after that."""

    async def asking_first(call: DeferredCall) -> bytes:
        answers = await call.ask({"roots": ROOTS})
        await call.defer()
        return msgspec.json.encode(answers)

    with pytest.raises(InputRequired):
        await start(runner, asking_first, Listener())


async def test_a_task_asks_only_what_its_client_can(runner: TaskRunner) -> None:
    """What the client declared holds for the task that it made."""

    async def asking(call: DeferredCall) -> bytes:
        await call.defer()
        await call.ask({"sure": SURE})
        return b"{}"

    ended = await until(runner, await started(runner, asking, Listener()), "completed", "failed")
    assert ended.state == "failed"
    assert ended.outcome is not None
    assert msgspec.json.decode(ended.outcome)["code"] == MissingCapability.code


async def test_an_answer_that_does_not_come_ends_the_task(table: TaskTable) -> None:
    """As the failure of its tool, after the time that tasks have patience for."""
    impatient = TaskRunner(table, "me:1", patience_sec=0.05)
    ended = await until(impatient, await started(impatient, confirming, Listener()), "completed")
    assert ended.message == "nobody answered roots in time"
    await impatient.close()


async def test_how_far_it_is_goes_to_the_client_and_then_to_the_record(
    runner: TaskRunner,
) -> None:
    """And what it logs is for a client that waits only."""
    told: list[str] = []
    client = Listener()
    gone_on = asyncio.Event()

    async def telling(call: DeferredCall) -> bytes:
        call.progress(1, 4, "before")
        call.log("info", "before")
        await call.defer()
        call.log("info", "after")
        call.progress(2, 4, "")
        await gone_on.wait()
        return b"{}"

    made = await start(runner, telling, client, told)
    assert isinstance(made, TaskRow)
    assert (told, client.heard) == (["before"], ["before"])
    async with asyncio.timeout(LIMIT_SEC):
        while (await until(runner, made.id, "working")).message != "2 of 4":
            await asyncio.sleep(0.01)
    gone_on.set()
    await until(runner, made.id, "completed")
    assert client.heard == ["before"]


async def test_a_lease_is_renewed_while_the_task_works(table: TaskTable) -> None:
    """So that long work is not taken for lost."""
    brisk = TaskRunner(table, "me:1", patience_sec=0.05, poll_sec=0.01)
    made = await start(brisk, forever)
    assert isinstance(made, TaskRow)
    async with asyncio.timeout(LIMIT_SEC):
        while (await until(brisk, made.id, "working")).expires_us == made.expires_us:
            await asyncio.sleep(0.01)
    await brisk.close()


async def test_a_shutdown_is_told_as_the_reason(runner: TaskRunner) -> None:
    """The record says that it failed and what to do, and nothing runs on."""
    task_id = await started(runner, forever)
    await runner.close()
    ended = await until(runner, task_id, "failed")
    assert ended.message == "the gateway was shut down before the task ended; call the tool again"


async def test_too_many_tasks_are_refused_before_they_begin(runner: TaskRunner) -> None:
    """With the time to come back after."""
    for _ in range(5):
        await started(runner, forever)
    with pytest.raises(Busy) as refused:
        await start(runner, forever)
    assert refused.value.retry_after == 60.0


class Hesitating(TaskTable):
    """A table in which a record takes until it is let go."""

    begun, go = threading.Event(), threading.Event()

    def create(self, principal: str, tool: str, owner: str) -> TaskRow | None:
        self.begun.set()
        self.go.wait(LIMIT_SEC)
        return super().create(principal, tool, owner)


async def test_a_client_that_goes_away_before_the_reply_leaves_no_task(tmp_path: Path) -> None:
    """Neither running work nor a record that works for ever, even where one was being made."""
    database = Database(f"sqlite:///{tmp_path / 'tasks.db'}")
    database.migrate()
    table = Hesitating(
        database, keep_us=3_600_000_000, max_per_principal=5, owner_is_alive=lambda owner: True
    )
    runner = TaskRunner(table, "me:1", patience_sec=10.0)
    waiting = asyncio.create_task(start(runner, forever))
    await asyncio.to_thread(table.begun.wait, LIMIT_SEC)
    waiting.cancel()
    await asyncio.sleep(0)
    table.go.set()
    with pytest.raises(asyncio.CancelledError):
        await waiting
    assert table.pending("me:1") == []
    with database.read() as connection:
        states = connection.exec_driver_sql("SELECT state FROM tasks").scalars().all()
    assert states == ["cancelled"]


class Unreachable(TaskTable):
    """A store that is full once a task was made; counts who asked, and who tried to end one."""

    asked = tried = 0
    is_full = True

    def ended(
        self, task_id: str, state: str, *, outcome: bytes | None = None, message: str | None = None
    ) -> None:
        self.tried += 1
        if self.is_full:
            raise StoreUnavailable("the disk is full")
        super().ended(task_id, state, outcome=outcome, message=message)

    def pending(self, owner: str) -> list[TaskRow]:
        self.asked += 1
        if self.is_full:
            raise StoreUnavailable("the disk is full")
        return super().pending(owner)


async def test_a_store_that_is_gone_stops_nothing(tmp_path: Path) -> None:
    """Work goes on, and the end is written down as soon as that can be done."""
    database = Database(f"sqlite:///{tmp_path / 'tasks.db'}")
    database.migrate()
    table = Unreachable(
        database, keep_us=3_600_000_000, max_per_principal=5, owner_is_alive=lambda owner: True
    )
    runner = TaskRunner(table, "me:1", patience_sec=60.0, poll_sec=0.01)
    finished = asyncio.Event()

    async def working(call: DeferredCall) -> bytes:
        await call.defer()
        while table.asked < 3:
            await asyncio.sleep(0.01)
        finished.set()
        return b"{}"

    task_id = await started(runner, working)
    async with asyncio.timeout(LIMIT_SEC):
        await finished.wait()
        while table.tried < 3:
            await asyncio.sleep(0.01)
    assert (await until(runner, task_id, "working")).outcome is None
    table.is_full = False
    assert (await until(runner, task_id, "completed")).outcome == b"{}"
    await runner.close()


async def test_an_end_is_written_down_in_spite_of_a_cancel(tmp_path: Path) -> None:
    """What was done is done: a cancel that comes while it is recorded changes nothing."""
    database = Database(f"sqlite:///{tmp_path / 'tasks.db'}")
    database.migrate()
    table = Slow(
        database, keep_us=3_600_000_000, max_per_principal=5, owner_is_alive=lambda owner: True
    )
    runner = TaskRunner(table, "me:1", patience_sec=60.0)

    async def quick(call: DeferredCall) -> bytes:
        await call.defer()
        return b"{}"

    task_id = await started(runner, quick)
    await asyncio.to_thread(table.ending.wait, LIMIT_SEC)
    cancelling = asyncio.create_task(runner.cancel(task_id, ME))
    closing = asyncio.create_task(runner.close())
    table.go.set()
    await asyncio.gather(cancelling, closing)
    assert (await until(runner, task_id, "completed")).outcome == b"{}"


class Slow(TaskTable):
    """A table in which an end takes until it is let go."""

    ending, go = threading.Event(), threading.Event()

    def ended(
        self, task_id: str, state: str, *, outcome: bytes | None = None, message: str | None = None
    ) -> None:
        self.ending.set()
        self.go.wait(LIMIT_SEC)
        super().ended(task_id, state, outcome=outcome, message=message)
