"""Retries: how many, after which waits, of what, and until when."""

import asyncio
import inspect
from collections.abc import Callable, Iterator
from datetime import UTC, datetime, timedelta
from email.utils import format_datetime
from types import SimpleNamespace
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from dynogate.errors import CircuitOpen
from dynogate.resilience.deadline import deadline
from dynogate.resilience.retry import (
    Backoff,
    async_retry,
    async_retry_with_backoff,
    retry,
    retry_with_backoff,
)
from dynogate.resilience.retry_after import retry_after_sec
from tests.resilience.clock import Clock

BACKOFFS = st.builds(
    Backoff,
    max_retries=st.integers(0, 12),
    base_delay=st.floats(0, 10),
    max_delay=st.floats(0, 100),
    exponential_base=st.floats(1, 10),
    jitter=st.floats(0, 1),
    deadline_sec=st.none() | st.floats(0, 200),
)


@pytest.fixture(scope="module", autouse=True)
def clock() -> Iterator[Clock]:
    """No test of this module waits."""
    clock = Clock()
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr("dynogate.resilience.retry.time", clock)
        patch.setattr("dynogate.resilience.deadline.time", clock)
        patch.setattr("dynogate.resilience.retry.asyncio", SimpleNamespace(sleep=clock.sleep_async))
        yield clock


class Flaky:
    """Fails as often as it is told, taking its time; then succeeds."""

    def __init__(self, clock: Clock, failures: int, takes_sec: float = 0.0) -> None:
        self.calls: list[float] = []
        self._clock = clock
        self._failures = failures
        self._takes_sec = takes_sec

    def __call__(self) -> str:
        self.calls.append(self._clock.now)
        self._clock.now += self._takes_sec
        if len(self.calls) <= self._failures:
            raise ConnectionError(len(self.calls))
        return "done"


def outcome(call: Callable[[], object]) -> object:
    try:
        return call()
    except ConnectionError as error:
        return error


@given(
    backoff=BACKOFFS,
    failures=st.integers(0, 20),
    takes_sec=st.floats(0, 5),
    outer_sec=st.none() | st.floats(0, 200),
    is_async=st.booleans(),
)
def test_any_sequence_of_failures(
    backoff: Backoff,
    failures: int,
    takes_sec: float,
    outer_sec: float | None,
    is_async: bool,
    clock: Clock,
) -> None:
    """Waits are within the formula's bounds, no attempt begins after a deadline, and the attempts
    are as many as those two allow: no more, no fewer; the last error is told."""
    flaky, start = Flaky(clock, failures, takes_sec), clock.now
    clock.slept.clear()
    attempt: Callable[[], object] = flaky

    async def flaky_async() -> object:
        return flaky()

    if is_async:
        attempt_async = async_retry(backoff)(flaky_async)
        attempt = lambda: asyncio.run(attempt_async())  # noqa: E731
    else:
        attempt = retry(backoff)(flaky)
    with deadline(outer_sec):
        result = outcome(attempt)

    ends_at = start + min(
        float("inf") if end is None else end for end in (backoff.deadline_sec, outer_sec)
    )
    retries = len(flaky.calls) - 1
    assert retries == len(clock.slept) <= backoff.max_retries
    for number, wait in enumerate(clock.slept, 1):
        longest = min(
            backoff.base_delay * backoff.exponential_base ** (number - 1), backoff.max_delay
        )
        assert longest * (1 - backoff.jitter) * (1 - 1e-9) <= wait <= longest
    assert all(began < ends_at for began in flaky.calls[1:])
    if retries < failures:
        assert isinstance(result, ConnectionError)
        assert result.args == (len(flaky.calls),)
        longest = backoff.longest_sec(retries + 1)
        assert retries == backoff.max_retries or clock.now + longest >= ends_at
    else:
        assert result == "done"


def test_waits_double_up_to_the_longest(clock: Clock) -> None:
    """Without chance they are the formula's."""
    clock.slept.clear()
    call = retry_with_backoff(6, 1.0, 10.0, 2.0, jitter=0)(Flaky(clock, 6))
    assert call() == "done"
    assert clock.slept == [1, 2, 4, 8, 10, 10]


def test_a_huge_number_of_retries_does_not_overflow() -> None:
    """2.0 ** 1024 is no float."""
    assert Backoff(max_delay=7.0).longest_sec(5000) == 7.0


def test_the_signature_and_the_arguments_are_kept() -> None:
    """Name, doc, signature; positional, keyword, self."""

    class Thing:
        @retry_with_backoff()
        def do(self, one: int, *, two: str = "x") -> tuple[int, str]:
            """Does."""
            return one, two

        @async_retry_with_backoff()
        async def do_async(self, one: int, *, two: str = "x") -> tuple[int, str]:
            """Does."""
            return one, two

    assert Thing().do(1, two="y") == asyncio.run(Thing().do_async(1, two="y")) == (1, "y")
    for function in (Thing.do, Thing.do_async):
        assert function.__doc__ == "Does."
        assert list(inspect.signature(function).parameters) == ["self", "one", "two"]
    assert inspect.iscoroutinefunction(Thing.do_async)


def test_the_callback_is_told_and_may_fail(clock: Clock, caplog: pytest.LogCaptureFixture) -> None:
    """Number and error of each failed attempt; what it raises is logged."""
    told: list[Any] = []

    def tell(retry: int, error: Exception) -> None:
        told.append((retry, error.args))
        raise RuntimeError("of the callback")

    assert retry_with_backoff(on_retry=tell)(Flaky(clock, 2))() == "done"
    assert told == [(1, (1,)), (2, (2,))]
    assert "of the callback" in caplog.text


def test_the_callback_may_be_a_coroutine_function(
    clock: Clock, caplog: pytest.LogCaptureFixture
) -> None:
    """Of a coroutine function; the same holds."""
    told: list[int] = []
    flaky = Flaky(clock, 2)

    async def tell(retry: int, error: Exception) -> None:
        told.append(retry)
        raise RuntimeError("of the callback")

    @async_retry_with_backoff(on_retry=tell)
    async def call() -> str:
        return flaky()

    assert asyncio.run(call()) == "done"
    assert told == [1, 2]
    assert "of the callback" in caplog.text


@pytest.mark.parametrize(
    "error", [KeyboardInterrupt(), SystemExit(), asyncio.CancelledError(), GeneratorExit()]
)
def test_who_is_stopped_stops(error: BaseException, clock: Clock) -> None:
    """Even where every exception is worth a retry."""
    calls = 0

    @retry_with_backoff(exceptions=(BaseException,))
    def call() -> None:
        nonlocal calls
        calls += 1
        raise error

    with pytest.raises(type(error)):
        call()
    assert calls == 1


async def test_a_cancelled_wait_ends() -> None:
    """Cancelling the task while it waits for its next attempt."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr("dynogate.resilience.retry.asyncio", asyncio)

        @async_retry_with_backoff(base_delay=60.0, jitter=0)
        async def call() -> None:
            raise ConnectionError

        task = asyncio.create_task(call())
        await asyncio.sleep(0.01)
        task.cancel()
        with pytest.raises(asyncio.CancelledError):
            await task


def test_what_is_not_idempotent_is_done_once(clock: Clock) -> None:
    """Where it never is, and where its arguments say that it is not."""
    flaky = Flaky(clock, 1)
    with pytest.raises(ConnectionError):
        retry_with_backoff(idempotent=False)(flaky)()
    assert len(flaky.calls) == 1

    tried: list[str] = []

    @retry_with_backoff(idempotent=lambda method: method == "GET")
    def request(method: str) -> None:
        tried.append(method)
        raise ConnectionError

    for method in ("GET", "POST"):
        with pytest.raises(ConnectionError):
            request(method)
    assert tried == ["GET"] * 4 + ["POST"]


def test_only_what_is_named_is_retried(clock: Clock) -> None:
    """Another error comes through at once; an open circuit is not asked again."""
    flaky = Flaky(clock, 1)
    with pytest.raises(ConnectionError):
        retry_with_backoff(exceptions=(ValueError,))(flaky)()
    assert len(flaky.calls) == 1

    errors: list[type[Exception]] = []

    def refused() -> None:
        errors.append(CircuitOpen)
        raise CircuitOpen("x", retry_after=0.1)

    with pytest.raises(CircuitOpen):
        retry_with_backoff()(refused)()
    assert len(errors) == 1
    with pytest.raises(CircuitOpen):
        retry_with_backoff(exceptions=(CircuitOpen,))(refused)()
    assert len(errors) == 5


class Later(ConnectionError):
    def __init__(self, retry_after: object) -> None:
        self.retry_after = retry_after


@pytest.mark.parametrize(("says", "waits"), [(7, [7.0]), ("7", [7.0]), (0.1, [1.0]), ("61", [])])
def test_who_says_when_to_come_back_is_heeded(
    says: object, waits: list[float], clock: Clock
) -> None:
    """Never earlier; and where that is beyond the longest wait, not at all."""
    clock.slept.clear()

    @retry_with_backoff(1, jitter=0)
    def call() -> None:
        raise Later(says)

    with pytest.raises(Later):
        call()
    assert clock.slept == waits


@pytest.mark.parametrize(
    ("said", "seconds"),
    [
        (3, 3.0),
        (2.5, 2.5),
        (-1, 0.0),
        (10**400, 86_400.0),
        ("120", 120.0),
        ("999999", 86_400.0),
        (" 120 ", 120.0),
        ("Wed, 21 Oct 2015 07:28:00 -0000", 0.0),
        (float("nan"), None),
        (float("inf"), None),
        ("1e5", None),
        ("-1", None),
        ("9" * 5000, None),
        ("٣", None),
        ("soon", None),
        ("Wed, 99 Oct 99999999999 07:28:00 GMT", None),
        (b"3", None),
        (None, None),
    ],
)
def test_what_an_error_says_of_when_to_come_back(said: object, seconds: float | None) -> None:
    """Seconds or a date, in an attribute or a header; what is neither says nothing."""
    assert retry_after_sec(Later(said)) == seconds
    error = ConnectionError()
    error.response = SimpleNamespace(headers={"retry-after": said})  # type: ignore[attr-defined]
    assert retry_after_sec(error) == seconds


def test_an_http_date_is_seconds_from_now() -> None:
    """None, where it has passed."""
    for seconds in (-100, 0, 100):
        date = format_datetime(datetime.now(UTC) + timedelta(seconds=seconds), usegmt=True)
        assert retry_after_sec(Later(date)) == pytest.approx(max(seconds, 0), abs=5)


@given(st.text() | st.floats() | st.integers() | st.binary())
def test_nothing_that_an_error_says_does_harm(said: object) -> None:
    """It came from another machine."""
    seconds = retry_after_sec(Later(said))
    assert seconds is None or seconds >= 0


def test_what_cannot_be_retried_is_not_decorated() -> None:
    """Each way of calling has its decorator; generators have none."""

    async def coroutine() -> None: ...

    def function() -> None: ...

    def generator() -> Iterator[None]:
        yield

    with pytest.raises(TypeError, match="async_retry"):
        retry_with_backoff()(coroutine)
    with pytest.raises(TypeError, match="no coroutine function"):
        async_retry_with_backoff()(function)  # type: ignore[arg-type]
    for decorate in (retry_with_backoff(), async_retry_with_backoff()):
        with pytest.raises(TypeError, match="generator"):
            decorate(generator)  # type: ignore[arg-type]


@pytest.mark.parametrize(
    "figures",
    [
        {"max_retries": -1},
        {"base_delay": -1},
        {"max_delay": float("nan")},
        {"exponential_base": 0.5},
        {"jitter": 1.1},
    ],
)
def test_figures_that_make_no_sense_are_refused(figures: dict[str, Any]) -> None:
    """When decorating, not when it fails."""
    with pytest.raises(ValueError, match=next(iter(figures))):
        retry_with_backoff(**figures)
