"""Places, the queue before them, and deadlines."""

import asyncio
from collections.abc import Iterator

import pytest

from dynogate.app import build_app
from dynogate.errors import Busy, RateLimited, ToolTimedOut
from dynogate.guards.adaptive import AdaptiveLimit
from dynogate.guards.admission import Admission
from dynogate.resilience.deadline import time_left_sec
from dynogate.settings import load_settings
from tests.live import Live, in_process


def places(
    limit: int | None = None,
    *,
    queued: int = 10,
    each: int | None = None,
    timeout_sec: float | None = None,
) -> Admission:
    return Admission(
        limit=None if limit is None else AdaptiveLimit(limit),
        max_queued=queued,
        each=each,
        timeout_sec=timeout_sec,
    )


class Calls:
    """Calls that wait until they are let go."""

    def __init__(self, admission: Admission) -> None:
        self.admission = admission
        self.begun: list[str] = []
        self.go = asyncio.Event()

    def start(self, name: str, share: str = "alice") -> "asyncio.Task[str]":
        async def work() -> str:
            self.begun.append(name)
            await self.go.wait()
            return name

        return asyncio.ensure_future(self.admission.run("tool", share, work))


async def quick() -> str:
    return "done"


async def settle() -> None:
    """Let everything that can go on do so."""
    for _ in range(5):
        await asyncio.sleep(0)


async def test_a_call_that_waits_knows_its_deadline() -> None:
    """The nearer of the gateway's and the caller's; what comes after the call does not."""

    async def work() -> float | None:
        await asyncio.sleep(0)
        return time_left_sec()

    left = await places(timeout_sec=30.0).run("tool", "alice", work, 5.0)
    assert left is not None
    assert 0 < left <= 5
    assert time_left_sec() is None


async def test_a_call_that_never_waits_takes_no_place() -> None:
    """However many come one after another."""
    admission = places(1, each=1)
    for _ in range(10):
        assert await admission.run("tool", "alice", quick) == "done"
    assert admission.under_way == 0


async def test_a_call_waits_for_a_place_and_gets_it() -> None:
    """First come, first served; each that ends lets one in."""
    calls = Calls(places(2))
    tasks = [calls.start(name) for name in "abcd"]
    await settle()
    assert calls.begun == ["a", "b"]
    assert (calls.admission.under_way, calls.admission.queued) == (2, 2)
    calls.go.set()
    assert await asyncio.gather(*tasks) == ["a", "b", "c", "d"]
    assert (calls.admission.under_way, calls.admission.queued) == (0, 0)


async def test_there_are_never_more_calls_than_places() -> None:
    """Also while places change hands, and some calls are cancelled or never wait."""
    admission, most, under_way = places(3, queued=1000), 0, 0

    async def work() -> None:
        nonlocal most, under_way
        under_way += 1
        most = max(most, under_way)
        try:
            await asyncio.sleep(0.001)
        finally:
            under_way -= 1

    tasks: list[asyncio.Task[object]] = []
    for number in range(300):
        tasks.append(asyncio.ensure_future(admission.run("t", "a", work)))
        if number % 3 == 0:
            tasks.append(asyncio.ensure_future(admission.run("t", "a", quick)))
        if number % 7 == 0:
            asyncio.get_running_loop().call_later(0.002, tasks[-1].cancel)
    await asyncio.gather(*tasks, return_exceptions=True)
    assert most == 3
    assert (admission.under_way, admission.queued) == (0, 0)


async def test_a_full_queue_refuses_at_once() -> None:
    """With a time to come back."""
    calls = Calls(places(1, queued=1))
    tasks = [calls.start(name) for name in "ab"]
    await settle()
    with pytest.raises(Busy, match="1 calls wait for one already") as refused:
        await calls.start("c")
    assert refused.value.retry_after == 1.0
    calls.go.set()
    await asyncio.gather(*tasks)


async def test_nobody_waits_long_for_a_place(monkeypatch: pytest.MonkeyPatch) -> None:
    """The queue's time is bounded; who gave up leaves it."""
    monkeypatch.setattr("dynogate.guards.admission._BURST_SEC", 0.02)
    calls = Calls(places(1))
    first = calls.start("a")
    await settle()
    with pytest.raises(Busy, match=r"none became free within 0\.02 s"):
        await calls.start("b")
    assert calls.admission.queued == 0
    calls.go.set()
    await first
    assert await calls.start("c") == "c"


async def test_under_overload_the_newest_go_first(monkeypatch: pytest.MonkeyPatch) -> None:
    """Once the queue has not been empty for a while; and then nobody waits but for a moment."""
    monkeypatch.setattr("dynogate.guards.admission._OVERLOADED_AFTER_SEC", -1.0)
    monkeypatch.setattr("dynogate.guards.admission._OVERLOAD_SEC", 0.5)
    calls = Calls(places(1))
    tasks = [calls.start(name) for name in "abcd"]
    await settle()
    calls.go.set()
    await asyncio.gather(*tasks)
    assert calls.begun == ["a", "d", "c", "b"]


async def test_a_cancelled_call_gives_its_place_or_its_turn_back() -> None:
    """Whether it ran, waited, or was just told to go."""
    calls = Calls(places(1))
    running, told, waiting, last = (calls.start(name) for name in "abcd")
    await settle()
    waiting.cancel()
    await settle()
    running.cancel()
    await asyncio.sleep(0)  # its place is promised to the next by now
    told.cancel()
    calls.go.set()
    assert await last == "d"
    assert (calls.admission.under_way, calls.admission.queued) == (0, 0)


async def test_a_queued_call_that_fails_at_once_lets_the_next_in() -> None:
    """It never took the place it was promised."""
    calls = Calls(places(1))
    first = calls.start("a")
    await settle()

    async def wrong() -> str:
        raise ValueError("wrong")

    failing = asyncio.ensure_future(calls.admission.run("tool", "alice", wrong))
    last = calls.start("c")
    await settle()
    calls.go.set()
    with pytest.raises(ValueError, match="wrong"):
        await failing
    assert [await first, await last] == ["a", "c"]


async def test_a_caller_has_so_many_places_and_no_more() -> None:
    """The others have theirs."""
    calls = Calls(places(each=2))
    tasks = [calls.start("a"), calls.start("b"), calls.start("c", share="bob")]
    await settle()
    with pytest.raises(RateLimited, match="DYNOGATE_MAX_CONCURRENT_PER_CLIENT") as refused:
        await calls.start("d")
    assert refused.value.policies == '"client-at-once";q=2;qu="concurrent-requests"'
    calls.go.set()
    assert await asyncio.gather(*tasks) == ["a", "b", "c"]
    assert await calls.start("e") == "e"


@pytest.mark.parametrize(
    ("setting", "asked", "told"),
    [(0.01, None, "DYNOGATE_CALL_TIMEOUT_SEC"), (9.0, 0.01, "as this call asked"),
     (None, 0.01, "as this call asked")],
)  # fmt: skip
async def test_the_shorter_deadline_holds(
    setting: float | None, asked: float | None, told: str
) -> None:
    """The setting's, or the caller's own; what was awaited is cancelled."""
    cancelled = asyncio.Event()

    async def work() -> None:
        try:
            await asyncio.sleep(60)
        except asyncio.CancelledError:
            cancelled.set()
            raise

    with pytest.raises(ToolTimedOut, match=rf"did not finish within 0\.01 s \({told}\)"):
        await places(4, timeout_sec=setting).run("tool", "alice", work, asked)
    assert cancelled.is_set()


async def test_a_tools_own_time_out_is_not_the_deadlines() -> None:
    """It is told as what it is."""

    async def work() -> None:
        await asyncio.sleep(0)
        raise TimeoutError("its own")

    with pytest.raises(TimeoutError, match="its own"):
        await places(timeout_sec=9.0).run("tool", "alice", work)


async def served(admission: Admission | None, rate: float, seconds: float) -> list[float]:
    """Offer calls at an even rate to something that serves 4 at a time, 10 ms each.

    Returns:
        How long each call that was served took, from when it was offered.
    """
    backend, took, loop = asyncio.Semaphore(4), list[float](), asyncio.get_running_loop()

    async def work() -> None:
        async with backend:
            await asyncio.sleep(0.01)

    async def call(offered_at: float) -> None:
        try:
            if admission is None:
                await work()
            else:
                await admission.run("tool", "alice", work)
        except Busy:
            return
        took.append(loop.time() - offered_at)

    start, calls = loop.time(), list[asyncio.Task[None]]()
    for number in range(int(rate * seconds)):
        due = start + number / rate
        await asyncio.sleep(max(due - loop.time(), 0))
        calls.append(asyncio.create_task(call(due)))
    await asyncio.gather(*calls)
    return sorted(took)


async def test_latency_does_not_collapse_under_twice_the_load() -> None:
    """Without admission calls wait ever longer; with it those that are served are served soon."""
    capacity, seconds = 4 / 0.01, 2.0
    without = await served(None, 2 * capacity, seconds)
    assert without[-1] > 1.0
    admission = places(64, queued=256)
    admitted = await served(admission, 2 * capacity, seconds)
    assert admitted[int(len(admitted) * 0.95)] < 0.5 * without[-1]
    assert len(admitted) > 0.6 * capacity * seconds


@pytest.fixture(scope="module")
def live(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Live]:
    settings = load_settings(
        data_dir=tmp_path_factory.mktemp("data"), toolsets="tests.toolset:toolset"
    )
    with in_process(build_app(settings)) as live:
        yield live


def body(tool: str, **arguments: object) -> dict[str, object]:
    return {"jsonrpc": "2.0", "id": 1, "method": tool, "params": arguments}


def test_a_client_bounds_its_call_by_a_header(live: Live) -> None:
    """504 in time, for tools that take long as well."""
    answer = live.post(body("wait", seconds=60), x_request_timeout="0.05")
    assert answer.status_code == 504
    assert answer.json()["error"]["code"] == 1504


@pytest.mark.parametrize("value", ["0", "-1", "nan", "inf", "soon"])
def test_a_wrong_bound_is_refused(live: Live, value: str) -> None:
    """400, before anything is run."""
    answer = live.post(body("echo", say="x"), x_request_timeout=value)
    assert answer.status_code == 400
    assert "X-Request-Timeout" in answer.json()["error"]["message"]


def test_a_client_names_itself_by_a_header(live: Live) -> None:
    """What the call itself says goes before it; an endless name is refused."""
    answer = live.post(body("echo", say="x"), x_client_id="ci")
    assert answer.json()["result"]["structuredContent"]["client_id"] == "ci"
    answer = live.post(body("echo", say="x", _client_id="own"), x_client_id="ci")
    assert answer.json()["result"]["structuredContent"]["client_id"] == "own"
    assert live.post(body("echo", say="x"), x_client_id="c" * 257).status_code == 400
