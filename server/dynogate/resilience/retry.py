"""Do again what failed, after a while that doubles: decorators over tenacity."""

import asyncio
import inspect
import logging
import math
import random
import time
from collections.abc import Awaitable, Callable, Coroutine, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from functools import wraps
from typing import Any, ParamSpec, TypeVar

from tenacity import AsyncRetrying, RetryCallState, Retrying

from dynogate.errors import CircuitOpen
from dynogate.resilience.deadline import time_left_sec
from dynogate.resilience.expected import Expected, is_expected
from dynogate.resilience.retry_after import retry_after_sec

P = ParamSpec("P")
T = TypeVar("T")

OnRetry = Callable[[int, Exception], object]
"""Told before each retry: its number, from 1, and the error of the attempt before."""

_log = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True, kw_only=True)
class Backoff:
    """When to try again, and when not.

    An attempt is followed by another one unless the call is not idempotent, the error is none of
    ``exceptions``, all retries are used up, or the wait would end after the deadline of the call
    (`dynogate.resilience.deadline`): then its error is raised as it is, at once. A cancelled call,
    KeyboardInterrupt and SystemExit are never retried, nor is CircuitOpen, unless ``exceptions``
    has that very class: who says not to ask now is not to be asked again.

    Attributes:
        max_retries: attempts after the first.
        base_delay: seconds before the first retry, ``exponential_base`` times as long before each
            further one, and ``max_delay`` at most.
        exceptions: what is worth another attempt: classes, or a function that is asked.
        jitter: the part of each wait that is random, so that callers who failed together do not
            come back together: 0 (none) to 1 ("full jitter": anything from 0 to the whole wait;
            M. Brooker, "Exponential Backoff And Jitter", AWS Architecture Blog, 2015).
        idempotent: whether what is done twice is as good as done once (RFC 9110, section 9.2.2);
            a function says it for each call, from its arguments. What is not is never retried.
        deadline_sec: longest that all attempts and waits may take; a wait that would end later is
            not begun.
    """

    max_retries: int = 3
    base_delay: float = 1.0
    max_delay: float = 60.0
    exponential_base: float = 2.0
    exceptions: Expected = (Exception,)
    jitter: float = 0.5
    idempotent: bool | Callable[..., bool] = True
    deadline_sec: float | None = None

    def __post_init__(self) -> None:
        """See that the figures make sense.

        Raises:
            ValueError: one does not; says which.
        """
        if self.max_retries < 0:
            raise ValueError(f"max_retries must be 0 or more, not {self.max_retries}")
        if not 0 <= self.base_delay < math.inf or not 0 <= self.max_delay < math.inf:
            raise ValueError("base_delay and max_delay must be seconds, 0 or more")
        if not 1 <= self.exponential_base < math.inf:
            raise ValueError(f"exponential_base must be 1 or more, not {self.exponential_base}")
        if not 0 <= self.jitter <= 1:
            raise ValueError(f"jitter must be from 0 to 1, not {self.jitter}")

    def longest_sec(self, retry: int) -> float:
        """The wait before a retry (from 1) where chance takes nothing off it."""
        try:
            grown = self.base_delay * self.exponential_base ** (retry - 1)
        except OverflowError:
            return self.max_delay
        return min(grown, self.max_delay)

    def wait_sec(self, retry: int, error: Exception | None) -> float:
        """The wait before a retry (from 1) after ``error``.

        Never before the time that the error names (Retry-After); infinite where that is further
        off than ``max_delay``.
        """
        # S311: nobody gains by guessing it.
        wait = self.longest_sec(retry) * (1 - self.jitter * random.random())  # noqa: S311
        asked = None if error is None else retry_after_sec(error)
        if asked is None:
            return wait
        return math.inf if asked > self.max_delay else max(wait, asked)

    def is_worth_it(self, error: Exception | None) -> bool:
        """Whether ``error`` is one that another attempt might not meet."""
        if isinstance(error, CircuitOpen):
            named = self.exceptions if isinstance(self.exceptions, tuple) else (self.exceptions,)
            return CircuitOpen in named
        return error is not None and is_expected(error, self.exceptions)


def retry_with_backoff(
    max_retries: int = 3,
    base_delay: float = 1.0,
    max_delay: float = 60.0,
    exponential_base: float = 2.0,
    exceptions: Expected = (Exception,),
    on_retry: OnRetry | None = None,
    *,
    jitter: float = 0.5,
    idempotent: bool | Callable[..., bool] = True,
    deadline_sec: float | None = None,
) -> Callable[[Callable[P, T]], Callable[P, T]]:
    """Decorate a function that is called again where it fails; see `Backoff` for the rules.

    The decorator says that the function may be done twice. Where that depends on how it is called,
    or where it may not, say so with ``idempotent``.

    Args:
        on_retry: told before each retry; where it fails itself, that is logged and no more.

    Raises:
        ValueError: a figure makes no sense.
    """
    backoff = Backoff(
        max_retries=max_retries,
        base_delay=base_delay,
        max_delay=max_delay,
        exponential_base=exponential_base,
        exceptions=exceptions,
        jitter=jitter,
        idempotent=idempotent,
        deadline_sec=deadline_sec,
    )
    return retry(backoff, on_retry)


def async_retry_with_backoff(
    max_retries: int = 3,
    base_delay: float = 1.0,
    max_delay: float = 60.0,
    exponential_base: float = 2.0,
    exceptions: Expected = (Exception,),
    on_retry: OnRetry | None = None,
    *,
    jitter: float = 0.5,
    idempotent: bool | Callable[..., bool] = True,
    deadline_sec: float | None = None,
) -> Callable[[Callable[P, Awaitable[T]]], Callable[P, Coroutine[Any, Any, T]]]:
    """The same as `retry_with_backoff` for a coroutine function; ``on_retry`` may be one, too."""
    backoff = Backoff(
        max_retries=max_retries,
        base_delay=base_delay,
        max_delay=max_delay,
        exponential_base=exponential_base,
        exceptions=exceptions,
        jitter=jitter,
        idempotent=idempotent,
        deadline_sec=deadline_sec,
    )
    return async_retry(backoff, on_retry)


def retry(
    backoff: Backoff, on_retry: OnRetry | None = None
) -> Callable[[Callable[P, T]], Callable[P, T]]:
    """Decorate a function to be called again as ``backoff`` says.

    Raises:
        TypeError: what is decorated does nothing yet when it is called (a coroutine function, a
            generator), so that its failure would go unseen.
    """

    def decorate(function: Callable[P, T]) -> Callable[P, T]:
        if inspect.iscoroutinefunction(function):
            raise TypeError(f"{function!r} is a coroutine function: use async_retry_with_backoff")
        _refuse_generators(function)

        @wraps(function)
        def again(*args: P.args, **kwargs: P.kwargs) -> T:
            call = _Call(backoff, on_retry, args, kwargs)
            controls = Retrying(sleep=time.sleep, before_sleep=call.tell, **call.rules())
            return controls(function, *args, **kwargs)

        return again

    return decorate


def async_retry(
    backoff: Backoff, on_retry: OnRetry | None = None
) -> Callable[[Callable[P, Awaitable[T]]], Callable[P, Coroutine[Any, Any, T]]]:
    """The same as `retry` for a coroutine function.

    Raises:
        TypeError: what is decorated is none.
    """

    def decorate(function: Callable[P, Awaitable[T]]) -> Callable[P, Coroutine[Any, Any, T]]:
        _refuse_generators(function)
        if not inspect.iscoroutinefunction(function):
            raise TypeError(f"{function!r} is no coroutine function: use retry_with_backoff")

        @wraps(function)
        async def again(*args: P.args, **kwargs: P.kwargs) -> T:
            call = _Call(backoff, on_retry, args, kwargs)
            controls = AsyncRetrying(
                sleep=asyncio.sleep, before_sleep=call.tell_async, **call.rules()
            )
            result: T = await controls(function, *args, **kwargs)
            return result

        return again

    return decorate


def _refuse_generators(function: Callable[..., object]) -> None:
    if inspect.isgeneratorfunction(function) or inspect.isasyncgenfunction(function):
        raise TypeError(f"{function!r} is a generator: decorate what it calls")


class _Call:
    """One call with its retries, as tenacity asks about it."""

    def __init__(
        self,
        backoff: Backoff,
        on_retry: OnRetry | None,
        args: tuple[object, ...],
        kwargs: dict[str, object],
    ) -> None:
        self._backoff = backoff
        self._on_retry = on_retry
        self._ends_at = math.inf
        if backoff.deadline_sec is not None:
            self._ends_at = time.monotonic() + backoff.deadline_sec
        may = backoff.idempotent
        self._is_idempotent = may(*args, **kwargs) if callable(may) else may

    def rules(self) -> dict[str, Any]:
        """The arguments of tenacity's controllers."""
        return {
            "retry": self._is_worth_it,
            "wait": lambda state: self._backoff.wait_sec(state.attempt_number, _error(state)),
            "stop": self._is_over,
            "reraise": True,
        }

    def _is_worth_it(self, state: RetryCallState) -> bool:
        return self._is_idempotent and self._backoff.is_worth_it(_error(state))

    def _is_over(self, state: RetryCallState) -> bool:
        if state.attempt_number > self._backoff.max_retries:
            return True
        left = time_left_sec()
        ends_in = self._ends_at - time.monotonic()
        return state.upcoming_sleep >= (ends_in if left is None else min(left, ends_in))

    def tell(self, state: RetryCallState) -> None:
        """Call the callback, whatever becomes of it."""
        with _logged():
            self._told(state)

    async def tell_async(self, state: RetryCallState) -> None:
        """The same, and wait for it where it is a coroutine function."""
        with _logged():
            told = self._told(state)
            if inspect.isawaitable(told):
                await told

    def _told(self, state: RetryCallState) -> object:
        error = _error(state)
        if self._on_retry is None or error is None:
            return None
        return self._on_retry(state.attempt_number, error)


@contextmanager
def _logged() -> Iterator[None]:
    try:
        yield
    except Exception:
        _log.exception("on_retry failed")


def _error(state: RetryCallState) -> Exception | None:
    error = state.outcome.exception() if state.outcome is not None else None
    return error if isinstance(error, Exception) else None
