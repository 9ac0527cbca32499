"""The queue of jobs."""

import asyncio
import contextvars
import logging
import sys
import threading
from collections.abc import Callable
from pathlib import Path

import pytest

from dynogate.errors import Busy, StoreUnavailable, ToolCancelled
from dynogate.jobs.child import ChildEnd, ChildResult, ChildSpec, run_child
from dynogate.jobs.queue import JobHandle, JobQueue
from dynogate.jobs.records import JobRecords, owner_is_alive


class Notes(JobRecords):
    """Records in a list, in the order in which they were made."""

    def __init__(self, *, failing: str = "") -> None:
        self.lines: list[tuple[str, ...]] = []
        self.jobs: list[str] = []
        self.owners: list[str] = []
        self.threads: set[int] = set()
        self.failing = failing

    def _note(self, job_id: str, *words: str | None) -> None:
        self.threads.add(threading.get_ident())
        if words[0] == self.failing:
            raise StoreUnavailable("disk full")
        if job_id not in self.jobs:
            self.jobs.append(job_id)
        self.lines.append((str(self.jobs.index(job_id)), *map(str, words)))

    def created(self, job_id: str, kind: str, principal: str, owner: str) -> None:
        self.owners.append(owner)
        self._note(job_id, "created", kind, principal)

    def started(self, job_id: str) -> None:
        self._note(job_id, "started")

    def ended(self, job_id: str, state: str, reason: str | None) -> None:
        self._note(job_id, "ended", state, reason)

    def lost(self, owner_is_alive: Callable[[str], bool | None]) -> int:
        raise NotImplementedError


class Gate:
    """Work that runs until it is let go or cancelled."""

    def __init__(self) -> None:
        self.open = threading.Event()
        self.running = 0
        self.most = 0
        self.order: list[str] = []
        self._lock = threading.Lock()

    def work(self, name: str = "") -> Callable[[JobHandle], str]:
        def wait(handle: JobHandle) -> str:
            with self._lock:
                self.order.append(name)
                self.running += 1
                self.most = max(self.most, self.running)
            with handle.cancel.calling(self.open.set):
                self.open.wait(10)
            with self._lock:
                self.running -= 1
            if handle.cancel.cancelled:
                raise ToolCancelled(f"stopped: {handle.cancel.reason}")
            return name

        return wait


async def until(condition: Callable[[], bool]) -> None:
    async with asyncio.timeout(10):
        while not condition():
            await asyncio.sleep(0.005)


@pytest.fixture
def gate() -> Gate:
    return Gate()


def small(records: JobRecords | None = None) -> JobQueue:
    """A queue with one running place and two waiting ones."""
    return JobQueue(max_running=1, max_queued=2, records=records)


async def test_work_runs_in_a_thread_and_returns_its_value() -> None:
    """The event loop stays free."""
    queue = small()
    thread = await queue.run("test", lambda _: threading.get_ident())
    assert thread != threading.get_ident()


async def test_an_error_of_the_work_comes_out() -> None:
    """As it is."""

    def fail(_: JobHandle) -> None:
        raise LookupError("from the work")

    with pytest.raises(LookupError, match="from the work"):
        await small().run("test", fail)


async def test_no_more_run_at_once_than_allowed(gate: Gate) -> None:
    """The others wait, and the figures say so."""
    queue = JobQueue(max_running=2, max_queued=10)
    jobs = [asyncio.create_task(queue.run("test", gate.work())) for _ in range(6)]
    await until(lambda: gate.running == 2)
    assert (queue.running, queue.queued) == (2, 4)
    gate.open.set()
    await asyncio.gather(*jobs)
    assert gate.most == 2
    assert (queue.running, queue.queued) == (0, 0)


async def test_first_come_first_served(gate: Gate) -> None:
    """Nobody overtakes."""
    queue = JobQueue(max_running=1, max_queued=10)
    jobs = [asyncio.create_task(queue.run("test", gate.work(name))) for name in "abcdef"]
    await until(lambda: gate.running == 1)
    gate.open.set()
    await asyncio.gather(*jobs)
    assert "".join(gate.order) == "abcdef"


async def test_beyond_the_bound_it_is_busy(gate: Gate) -> None:
    """The error says what is going on and when to come back."""
    queue = small()
    jobs = [asyncio.create_task(queue.run("test", gate.work())) for _ in range(3)]
    await until(lambda: gate.running == 1)
    with pytest.raises(Busy, match="1 running and 2 waiting already; try again in 5 s") as caught:
        await queue.run("test", gate.work())
    assert caught.value.retry_after == 5
    gate.open.set()
    await asyncio.gather(*jobs)


async def test_the_time_to_come_back_is_learned(gate: Gate) -> None:
    """From how long jobs took; never under a second."""
    queue = JobQueue(max_running=1, max_queued=0)
    await queue.run("test", lambda _: None)
    job = asyncio.create_task(queue.run("test", gate.work()))
    await until(lambda: gate.running == 1)
    with pytest.raises(Busy) as caught:
        await queue.run("test", gate.work())
    assert caught.value.retry_after == 1
    gate.open.set()
    await job


async def test_progress_arrives_on_the_event_loop() -> None:
    """In order, before the result."""
    told: list[tuple[float, float | None, str, int]] = []

    def work(handle: JobHandle) -> None:
        handle.progress(1, 2, "half")
        handle.progress(2)

    await small().run(
        "test", work, on_progress=lambda *args: told.append((*args, threading.get_ident()))
    )
    here = threading.get_ident()
    assert told == [(1, 2, "half", here), (2, None, "", here)]


async def test_progress_that_nobody_wants_is_dropped() -> None:
    """Work need not know."""
    await small().run("test", lambda handle: handle.progress(1))


async def test_context_goes_along() -> None:
    """What the request bound for its logs is there in the thread."""
    request = contextvars.ContextVar[str]("request")
    request.set("r1")
    assert await small().run("test", lambda _: request.get()) == "r1"


async def test_cancelling_the_task_stops_the_work(gate: Gate) -> None:
    """And the task ends only when the work has, with the reason it was given."""
    queue, handles = small(), list[JobHandle]()

    def work(handle: JobHandle) -> str:
        handles.append(handle)
        return gate.work()(handle)

    job = asyncio.create_task(queue.run("test", work))
    await until(lambda: gate.running == 1)
    job.cancel("client disconnected")
    with pytest.raises(asyncio.CancelledError):
        await job
    assert gate.running == 0
    assert handles[0].cancel.reason == "client disconnected"
    assert (queue.running, queue.queued) == (0, 0)


async def test_cancelling_twice_does_not_hurry(gate: Gate) -> None:
    """The work is still waited for."""
    queue, stop = small(), threading.Event()

    def stubborn(_: JobHandle) -> None:
        gate.work()(JobHandle(None))
        stop.set()

    job = asyncio.create_task(queue.run("test", stubborn))
    await until(lambda: gate.running == 1)
    for _ in range(3):
        job.cancel()
        await asyncio.sleep(0)
    assert not job.done()
    gate.open.set()
    with pytest.raises(asyncio.CancelledError):
        await job
    assert stop.is_set()


async def test_cancelling_a_waiting_job_frees_its_place(gate: Gate) -> None:
    """Its work never runs, and the next in line is served."""
    queue = small()
    jobs = [asyncio.create_task(queue.run("test", gate.work(name))) for name in "abc"]
    await until(lambda: gate.running == 1)
    jobs[1].cancel()
    await asyncio.wait([jobs[1]])
    assert queue.queued == 1
    gate.open.set()
    assert list(await asyncio.gather(jobs[0], jobs[2])) == ["a", "c"]
    assert gate.order == ["a", "c"]


async def test_a_place_that_comes_with_a_cancel_is_passed_on(gate: Gate) -> None:
    """The two may happen in the same turn of the event loop; no place may be lost."""
    queue = small()

    async def first() -> None:
        await queue.run("test", gate.work("a"))
        second.cancel()  # it has just been given the place, and does not know yet

    running = asyncio.create_task(first())
    second = asyncio.create_task(queue.run("test", gate.work("b")))
    await until(lambda: gate.running == 1 and queue.queued == 1)
    gate.open.set()
    await asyncio.wait([running, second])
    assert second.cancelled()
    assert queue.running == 0


async def test_the_life_of_a_job_is_recorded() -> None:
    """In order, off the event loop, with an owner that is alive."""
    notes = Notes()
    await small(notes).run("profile", lambda _: None, principal="ann")
    assert notes.lines == [
        ("0", "created", "profile", "ann"),
        ("0", "started"),
        ("0", "ended", "done", "None"),
    ]
    assert threading.get_ident() not in notes.threads
    assert owner_is_alive(notes.owners[0])


async def test_a_failure_is_recorded_with_its_reason() -> None:
    """Or with its type, where it has no words."""
    notes = Notes()
    queue = small(notes)
    for error in (LookupError("no such thing"), LookupError()):

        def fail(_: JobHandle, error: LookupError = error) -> None:
            raise error

        with pytest.raises(LookupError):
            await queue.run("test", fail)
    assert notes.lines[2] == ("0", "ended", "failed", "no such thing")
    assert notes.lines[5] == ("1", "ended", "failed", "LookupError")


async def test_a_cancel_is_recorded(gate: Gate) -> None:
    """Of a running job and of one that never ran."""
    notes = Notes()
    queue = small(notes)
    jobs = [asyncio.create_task(queue.run("test", gate.work())) for _ in range(2)]
    await until(lambda: gate.running == 1 and len(notes.jobs) == 2)
    for job in reversed(jobs):
        job.cancel()
        await asyncio.wait([job])
    assert ("1", "ended", "cancelled", "the caller went away") in notes.lines
    assert ("0", "ended", "cancelled", "the caller went away") in notes.lines
    assert ("1", "started") not in notes.lines


async def test_a_cancel_while_it_is_written_down_is_recorded_too() -> None:
    """However early it comes."""
    notes, hold = Notes(), threading.Event()

    class Slow(Notes):
        def created(self, job_id: str, kind: str, principal: str, owner: str) -> None:
            hold.wait(10)
            notes.created(job_id, kind, principal, owner)

        def ended(self, job_id: str, state: str, reason: str | None) -> None:
            notes.ended(job_id, state, reason)

    job = asyncio.create_task(small(Slow()).run("test", lambda _: None))
    await asyncio.sleep(0.02)
    job.cancel()
    await asyncio.sleep(0)
    job.cancel()
    hold.set()
    await asyncio.wait([job])
    assert job.cancelled()
    assert [line[1:3] for line in notes.lines] == [("created", "test"), ("ended", "cancelled")]


@pytest.mark.parametrize("step", ["created", "started"])
async def test_a_job_that_cannot_be_recorded_does_not_run(step: str) -> None:
    """Its record would be missing after a crash."""
    ran: list[JobHandle] = []
    with pytest.raises(StoreUnavailable):
        await small(Notes(failing=step)).run("test", ran.append)
    assert ran == []


async def test_a_result_survives_a_record_that_fails(caplog: pytest.LogCaptureFixture) -> None:
    """The work is done; the log says what is missing."""
    with caplog.at_level(logging.ERROR):
        assert await small(Notes(failing="ended")).run("test", lambda _: 42) == 42
    assert "could not be recorded" in caplog.text


async def test_draining_lets_work_end(gate: Gate) -> None:
    """What runs and what waits is done; new work is refused."""
    queue = small()
    jobs = [asyncio.create_task(queue.run("test", gate.work(name))) for name in "ab"]
    await until(lambda: gate.running == 1)
    drain = asyncio.create_task(queue.drain(10))
    await asyncio.sleep(0)
    with pytest.raises(Busy, match="shutting down"):
        await queue.run("test", gate.work())
    gate.open.set()
    await drain
    assert list(await asyncio.gather(*jobs)) == ["a", "b"]


async def test_draining_ends(gate: Gate) -> None:
    """At the end of its time everything is cancelled, and what waits never starts."""
    queue = small()
    jobs = [asyncio.create_task(queue.run("test", gate.work(name))) for name in "ab"]
    await until(lambda: gate.running == 1)
    await queue.drain(0.05)
    results = await asyncio.gather(*jobs, return_exceptions=True)
    assert [str(result) for result in results] == [
        "stopped: the gateway is shutting down",
        "cancelled: the gateway is shutting down",
    ]
    assert gate.order == ["a"]


async def test_draining_an_idle_queue_is_quick() -> None:
    """There is nothing to wait for."""
    async with asyncio.timeout(1):
        await small().drain(60)


async def test_a_real_child_process_is_stopped_with_its_task() -> None:
    """A client that goes away leaves no process behind."""
    pids: list[int] = []

    def work(handle: JobHandle) -> ChildResult:
        argv = (sys.executable, "-ISc", "import time; time.sleep(60)")
        spec = ChildSpec(argv=argv, cwd=Path("/"), env={})
        results.append(run_child(spec, cancel=handle.cancel, on_start=pids.append))
        return results[0]

    results: list[ChildResult] = []
    job = asyncio.create_task(small().run("test", work))
    await until(lambda: bool(pids))
    job.cancel()
    await asyncio.wait([job])
    assert results[0].end == ChildEnd.CANCELLED
    assert not Path(f"/proc/{pids[0]}").exists()
