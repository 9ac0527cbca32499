"""The circuit breaker in use: by tasks and threads, as a decorator and as a block."""

import asyncio
import inspect
import threading
from concurrent.futures import ThreadPoolExecutor

import pytest

from dynogate.errors import CircuitOpen
from dynogate.resilience.breaker import CircuitBreaker
from dynogate.resilience.circuit import State
from tests.resilience.clock import Clock

PROBES = 3


@pytest.fixture
def clock() -> Clock:
    return Clock()


def tripped(clock: Clock, **more: object) -> CircuitBreaker:
    """A breaker that is open, and half-open by the time."""
    breaker = CircuitBreaker(1, 60.0, clock=clock.monotonic, **more)  # type: ignore[arg-type]
    with pytest.raises(ConnectionError), breaker:
        raise ConnectionError
    assert breaker.state == "open"
    clock.now += 60
    assert breaker.state == "half_open"
    return breaker


def test_it_opens_probes_and_closes(clock: Clock) -> None:
    """Five failures, a minute, one success; told in order."""
    told: list[tuple[str, State, State]] = []
    breaker = CircuitBreaker(
        name="x", clock=clock.monotonic, on_change=lambda *change: told.append(change)
    )

    @breaker
    def call(fails: bool) -> str:
        if fails:
            raise ConnectionError
        return "done"

    for _ in range(5):
        with pytest.raises(ConnectionError):
            call(True)
    clock.now += 20
    with pytest.raises(CircuitOpen, match=r"x has kept failing .* in 40\.000 s") as caught:
        call(False)
    assert caught.value.retry_after == breaker.open_for_sec == 40.0
    assert (caught.value.code, caught.value.status, caught.value.circuit) == (1509, 503, "x")
    clock.now += 40
    assert breaker.open_for_sec == 0
    assert call(False) == "done"
    assert breaker.state == "closed"
    assert told == [
        ("x", State.CLOSED, State.OPEN),
        ("x", State.OPEN, State.HALF_OPEN),
        ("x", State.HALF_OPEN, State.CLOSED),
    ]


async def test_of_a_thousand_tasks_only_the_allowed_probes_pass(clock: Clock) -> None:
    """While they are under way; their success lets the rest in."""
    breaker = tripped(clock, half_open_probes=PROBES, success_threshold=PROBES)
    inside, most, gate = 0, 0, asyncio.Event()

    @breaker
    async def call() -> None:
        nonlocal inside, most
        inside += 1
        most = max(most, inside)
        await gate.wait()
        inside -= 1

    tasks = [asyncio.create_task(call()) for _ in range(1000)]
    await asyncio.sleep(0)
    gate.set()
    results = await asyncio.gather(*tasks, return_exceptions=True)
    assert most == results.count(None) == PROBES
    assert sum(isinstance(result, CircuitOpen) for result in results) == 1000 - PROBES
    assert breaker.state == "closed"
    await asyncio.gather(*(call() for _ in range(1000)))


def test_of_many_threads_only_the_allowed_probes_pass(clock: Clock) -> None:
    """The same at the same moment, in threads."""
    breaker = tripped(clock, half_open_probes=PROBES, success_threshold=PROBES)
    threads, passed, lock = 64, 0, threading.Lock()
    start, gate = threading.Barrier(threads), threading.Event()

    def call() -> bool:
        nonlocal passed
        start.wait()
        try:
            with breaker:
                with lock:
                    passed += 1
                gate.wait(30)
        except CircuitOpen:
            with lock:
                refused.append(None)
                if len(refused) == threads - PROBES:
                    gate.set()
            return False
        return True

    refused: list[None] = []
    with ThreadPoolExecutor(threads) as pool:
        results = list(pool.map(lambda _: call(), range(threads)))
    assert results.count(True) == passed == PROBES
    assert breaker.state == "closed"


async def test_a_cancelled_probe_gives_its_place_back(clock: Clock) -> None:
    """And says nothing of what it was to find out."""
    breaker = tripped(clock)

    @breaker
    async def call() -> None:
        await asyncio.Event().wait()

    for _ in range(3):
        probe = asyncio.create_task(call())
        await asyncio.sleep(0)
        with pytest.raises(CircuitOpen):
            await call()
        probe.cancel()
        with pytest.raises(asyncio.CancelledError):
            await probe
        assert breaker.state == "half_open"


def test_a_probe_that_never_ends_does_not_keep_its_place(clock: Clock) -> None:
    """It counts as failed once its time is over; what it says after that does not count."""
    breaker = tripped(clock, probe_timeout=10.0)
    stuck = breaker.enter()
    clock.now += 10
    assert breaker.state == "open"
    clock.now += 60
    breaker.leave(stuck)
    assert breaker.state == "half_open"
    with breaker:
        pass
    assert breaker.state == "closed"


def test_what_began_before_it_opened_changes_nothing(clock: Clock) -> None:
    """Neither a late success nor a late failure."""
    breaker = CircuitBreaker(1, 60.0, clock=clock.monotonic)
    late = [breaker.enter() for _ in range(3)]
    breaker.leave(late[0], ConnectionError())
    breaker.leave(late[1])
    assert breaker.state == "open"
    clock.now += 60
    with breaker:
        breaker.leave(late[2], ConnectionError())
        assert breaker.state == "half_open"
    assert breaker.state == "closed"


@pytest.mark.parametrize(
    "expected",
    [ConnectionError, (ConnectionError, TimeoutError), lambda e: isinstance(e, ConnectionError)],
)
def test_only_expected_errors_count(expected: object, clock: Clock) -> None:
    """Another one is an answer: what answers is not down."""
    breaker = CircuitBreaker(2, expected_exception=expected, clock=clock.monotonic)  # type: ignore[arg-type]
    for error in (ConnectionError, ValueError, ConnectionError):
        with pytest.raises(error), breaker:
            raise error
    assert breaker.state == "closed"
    with pytest.raises(ConnectionError), breaker:
        raise ConnectionError
    assert breaker.state == "open"


async def test_blocks_nest_and_run_side_by_side(clock: Clock) -> None:
    """Each leaves for itself, in tasks that share the breaker, and one within another."""
    breaker = CircuitBreaker(2, clock=clock.monotonic)
    other = CircuitBreaker(1, clock=clock.monotonic)

    async def fail() -> None:
        async with breaker:
            await asyncio.sleep(0)
            raise ConnectionError

    async with breaker, breaker, other:
        results = await asyncio.gather(fail(), fail(), return_exceptions=True)
    assert [type(result) for result in results] == [ConnectionError] * 2
    assert breaker.state == "open"
    assert other.state == "closed"


def test_another_breakers_refusal_does_not_count(clock: Clock) -> None:
    """Nothing was asked."""
    breaker = CircuitBreaker(1, clock=clock.monotonic)
    with pytest.raises(CircuitOpen), breaker:
        raise CircuitOpen("another", retry_after=1.0)
    assert breaker.state == "closed"


def test_a_listener_that_fails_is_logged(clock: Clock, caplog: pytest.LogCaptureFixture) -> None:
    """The call is none the worse."""

    def fail(*_: object) -> None:
        raise RuntimeError("of the listener")

    tripped(clock, on_change=fail, name="upstream")
    assert "of the listener" in caplog.text
    assert "circuit breaker of upstream: open after closed" in caplog.text


def test_decorated_functions_stay_what_they_were() -> None:
    """Name and kind; generators are refused, since they run after their call."""
    breaker = CircuitBreaker()

    @breaker
    async def call(one: int) -> int:
        """Calls."""
        return one

    assert inspect.iscoroutinefunction(call)
    assert (call.__name__, call.__doc__) == ("call", "Calls.")

    def generator():  # type: ignore[no-untyped-def]
        yield

    with pytest.raises(TypeError, match="generator"):
        breaker(generator)
