"""A circuit breaker: what keeps failing is left alone for a while, then probed."""

import inspect
import logging
import threading
import time
from collections.abc import AsyncIterator, Callable, Iterator
from contextlib import asynccontextmanager, contextmanager
from contextvars import ContextVar
from functools import wraps
from types import TracebackType
from typing import Any, ParamSpec, Self, TypeVar, cast

from dynogate.errors import CircuitOpen
from dynogate.resilience.circuit import Circuit, Limits, Permit, Refusal, State
from dynogate.resilience.expected import Expected, is_expected

P = ParamSpec("P")
T = TypeVar("T")

OnChange = Callable[[str, State, State], object]
"""Told of each change: the breaker's name, the state before, and the state after."""

_log = logging.getLogger(__name__)


class CircuitBreaker:
    """Lets calls through while they succeed; `dynogate.resilience.circuit` has the rules.

    A decorator of functions and of coroutine functions, and a context manager, ``with`` and
    ``async with``; for any number of threads, tasks and event loops at once. A call that was let
    through by a state that is over by the time the call ends (it took long, others failed
    meanwhile) changes nothing.

    Args:
        failure_threshold: failures in a row that open it.
        recovery_timeout: seconds that it stays open before a call may probe.
        expected_exception: what is a failure: classes, or a function that is asked. Any other
            Exception is an answer, as good as a success here; a call that was cancelled or
            interrupted says nothing, and gives its place back.
        success_threshold: probes that have to succeed in a row to close it.
        half_open_probes: probes under way at once.
        probe_timeout: seconds after which a probe that has not ended counts as failed; None for
            ``recovery_timeout``.
        name: of what it guards, for errors, logs and metrics.
        on_change: told of each change of state, in order, by the thread that caused it, which
            holds the breaker meanwhile: it must not wait for anything.
        clock: what time it is, in seconds that never go back.

    Raises:
        ValueError: a figure makes no sense.
    """

    def __init__(
        self,
        failure_threshold: int = 5,
        recovery_timeout: float = 60.0,
        expected_exception: Expected = Exception,
        *,
        success_threshold: int = 1,
        half_open_probes: int = 1,
        probe_timeout: float | None = None,
        name: str = "circuit",
        on_change: OnChange | None = None,
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        limits = Limits(
            failure_threshold=failure_threshold,
            recovery_timeout=recovery_timeout,
            success_threshold=success_threshold,
            half_open_probes=half_open_probes,
            probe_timeout=recovery_timeout if probe_timeout is None else probe_timeout,
        )
        self.name = name
        self._circuit = Circuit(limits)
        self._lock = threading.RLock()
        self._expected = expected_exception
        self._on_change = on_change
        self._clock = clock

    @property
    def state(self) -> State:
        """What a call would meet now."""
        with self._lock:
            before = self._circuit.state
            found = self._circuit.look(self._clock())
            self._tell(before)
            return found

    @property
    def open_for_sec(self) -> float:
        """Seconds until a call may probe; 0 while calls are let through."""
        with self._lock:
            if self.state is not State.OPEN:
                return 0.0
            return self._circuit.open_until - self._clock()

    def enter(self) -> Permit:
        """Ask for a call to be let through; each permit has to be handed back with `leave`.

        Raises:
            CircuitOpen: it may not be made now.
        """
        with self._lock:
            before = self._circuit.state
            answer = self._circuit.enter(self._clock())
            self._tell(before)
        if isinstance(answer, Refusal):
            raise CircuitOpen(self.name, retry_after=answer.retry_after)
        return answer

    def leave(self, permit: Permit, error: BaseException | None = None) -> None:
        """Tell how a call ended: with ``error``, or well."""
        failed = self._is_failure(error)
        with self._lock:
            before = self._circuit.state
            self._circuit.leave(permit, self._clock(), failed=failed)
            self._tell(before)

    def _is_failure(self, error: BaseException | None) -> bool | None:
        if error is None:
            return False
        if not isinstance(error, Exception) or isinstance(error, CircuitOpen):
            return None  # given up, or not even asked
        return is_expected(error, self._expected)

    def _tell(self, before: State) -> None:
        after = self._circuit.state
        if after is before:
            return
        level = logging.WARNING if after is State.OPEN else logging.INFO
        _log.log(level, "circuit breaker of %s: %s after %s", self.name, after, before)
        if self._on_change is not None:
            try:
                self._on_change(self.name, before, after)
            except Exception:
                _log.exception("on_change of the circuit breaker of %s failed", self.name)

    async def enter_async(self) -> Permit:
        """The same as `enter`, for whom must not be kept waiting."""
        return self.enter()

    async def leave_async(self, permit: Permit, error: BaseException | None = None) -> None:
        """The same as `leave`, for whom must not be kept waiting."""
        self.leave(permit, error)

    @contextmanager
    def guarding(self) -> Iterator[None]:
        """A block that is one call.

        Raises:
            CircuitOpen: it may not be made now.
        """
        permit = self.enter()
        try:
            yield
        except BaseException as error:
            self.leave(permit, error)
            raise
        self.leave(permit)

    @asynccontextmanager
    async def guarding_async(self) -> AsyncIterator[None]:
        """The same for coroutines."""
        permit = await self.enter_async()
        try:
            yield
        except BaseException as error:
            await self.leave_async(permit, error)
            raise
        await self.leave_async(permit)

    def __call__(self, function: Callable[P, T]) -> Callable[P, T]:
        """Decorate a function or a coroutine function.

        Raises:
            TypeError: it is a generator, whose body runs after the call has ended.
        """
        if inspect.isgeneratorfunction(function) or inspect.isasyncgenfunction(function):
            raise TypeError(f"{function!r} is a generator: guard what it calls")
        if inspect.iscoroutinefunction(function):

            @wraps(function)
            async def guarded_async(*args: P.args, **kwargs: P.kwargs) -> Any:
                async with self.guarding_async():
                    return await function(*args, **kwargs)

            return cast(Callable[P, T], guarded_async)

        @wraps(function)
        def guarded(*args: P.args, **kwargs: P.kwargs) -> T:
            with self.guarding():
                return function(*args, **kwargs)

        return guarded

    def __enter__(self) -> Self:
        block = self.guarding()
        block.__enter__()
        _blocks.set((*_blocks.get(), (self, block)))
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        self._innermost().__exit__(kind, error, traceback)

    async def __aenter__(self) -> Self:
        block = self.guarding_async()
        await block.__aenter__()
        _blocks.set((*_blocks.get(), (self, block)))
        return self

    async def __aexit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        await self._innermost().__aexit__(kind, error, traceback)

    def _innermost(self) -> Any:
        """Take the block of this breaker that was entered last in this thread or task."""
        blocks = _blocks.get()
        at = max(i for i, (breaker, _) in enumerate(blocks) if breaker is self)
        _blocks.set(blocks[:at] + blocks[at + 1 :])
        return blocks[at][1]


# One variable for all breakers: a context never lets go of the variables that were set in it.
_blocks: ContextVar[tuple[tuple[CircuitBreaker, Any], ...]] = ContextVar("blocks", default=())
