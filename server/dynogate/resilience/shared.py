"""A circuit breaker that several processes share, through a Redis."""

import asyncio
import secrets
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from redis import BlockingConnectionPool, Redis
from redis.asyncio import BlockingConnectionPool as AsyncPool
from redis.asyncio import Redis as AsyncRedis
from redis.asyncio.retry import Retry as AsyncRetry
from redis.backoff import NoBackoff
from redis.exceptions import RedisError
from redis.retry import Retry

from dynogate.errors import CircuitOpen
from dynogate.resilience.breaker import CircuitBreaker
from dynogate.resilience.circuit import Permit, State

_SCRIPT = Path(__file__).with_name("circuit.lua").read_text()
_MICRO = 1_000_000
_FORGOTTEN_AFTER_MS = 86_400_000  # without a call
_ALONE_SEC = 1.0
_CONNECTIONS = 32
_AWAY = (RedisError, OSError, TimeoutError, CircuitOpen)


@dataclass(frozen=True, slots=True)
class _SharedPermit(Permit):
    """One that Redis gave.

    Attributes:
        local_era: what counts where Redis cannot be told how the call ended.
    """

    local_era: int = 0


@dataclass(frozen=True, slots=True)
class Told:
    """What Redis says of a breaker: whether a call may be made, and how things stand."""

    let: bool
    is_probe: bool
    era: int
    wait_sec: float
    state: State
    failures: int
    open_for_sec: float


class SharedCircuitBreaker(CircuitBreaker):
    """A breaker whose state is that of its name in a Redis, for all processes that use it.

    Each call asks Redis before and after it: worth it for what is slower than that. Time is that
    of Redis, so that machines need not agree on it. While Redis is out of reach, each process goes
    on by itself from the state that it last knew.

    In coroutines it belongs to one event loop.

    Args:
        url: of the Redis.
        name: the same in all processes that share the state.
        budget_sec: longest that a call waits for Redis.
        shared_clock: what time it is, in seconds; None for that of Redis.
        figures: those of `CircuitBreaker`.
    """

    def __init__(
        self,
        url: str,
        name: str,
        *,
        budget_sec: float = 0.1,
        shared_clock: Callable[[], float] | None = None,
        **figures: Any,
    ) -> None:
        super().__init__(name=name, **figures)
        options: dict[str, Any] = {
            "max_connections": _CONNECTIONS,
            "timeout": budget_sec,
            "socket_timeout": budget_sec,
            "socket_connect_timeout": budget_sec,
        }
        self._redis = Redis.from_pool(
            BlockingConnectionPool.from_url(url, retry=Retry(NoBackoff(), 0), **options)
        )
        self._redis_async = AsyncRedis.from_pool(
            AsyncPool.from_url(url, retry=AsyncRetry(NoBackoff(), 0), **options)
        )
        self._script = self._redis.register_script(_SCRIPT)
        self._script_async = self._redis_async.register_script(_SCRIPT)
        self._keys = [f"dynogate:breaker:{{{name}}}", f"dynogate:breaker:{{{name}}}:probes"]
        self._budget_sec = budget_sec
        self._shared_clock = shared_clock
        self._link = CircuitBreaker(1, _ALONE_SEC, _AWAY, name=f"the shared state of {name}")
        self._shared_era = 0
        self._giving_back: set[asyncio.Future[Any]] = set()

    def enter(self) -> Permit:
        """Ask for a call to be let through.

        Raises:
            CircuitOpen: it may not be made now.
        """
        place = secrets.randbits(62)
        told = self._asked("enter", place)
        return super().enter() if told is None else self._judge(told, place)

    def leave(self, permit: Permit, error: BaseException | None = None) -> None:
        """Tell how a call ended: with ``error``, or well."""
        if isinstance(permit, _SharedPermit):  # else Redis does not know that the call began
            told = self._asked(*self._news(permit, error))
            if told is not None:
                self._adopt(told)
                return
            permit = Permit(permit.local_era)
        super().leave(permit, error)

    async def enter_async(self) -> Permit:
        """The same as `enter`, without blocking."""
        place = secrets.randbits(62)
        asking = asyncio.ensure_future(self._asked_async("enter", place))
        try:
            told = await asyncio.shield(asking)
        except asyncio.CancelledError:
            giving_back = asyncio.ensure_future(self._give_back(asking, place))
            self._giving_back.add(giving_back)
            giving_back.add_done_callback(self._giving_back.discard)
            raise
        return super().enter() if told is None else self._judge(told, place)

    async def leave_async(self, permit: Permit, error: BaseException | None = None) -> None:
        """The same as `leave`, without blocking."""
        if isinstance(permit, _SharedPermit):
            told = await self._asked_async(*self._news(permit, error))
            if told is not None:
                self._adopt(told)
                return
            permit = Permit(permit.local_era)
        super().leave(permit, error)

    async def _give_back(self, asking: asyncio.Future[Told | None], place: int) -> None:
        await asking  # else it might come second
        await self._asked_async("withdraw", place)

    def close(self) -> None:
        """Close the connections of what is not a coroutine."""
        self._redis.close()

    async def aclose(self) -> None:
        """Close all connections."""
        await asyncio.gather(*self._giving_back)
        await self._redis_async.aclose()
        self.close()

    def _asked(self, what: object, *arguments: object) -> Told | None:
        """What Redis says; None where it is out of reach."""
        try:
            with self._link.guarding():
                return _read(self._script(self._keys, self._arguments(what, *arguments)))
        except _AWAY:
            return None

    async def _asked_async(self, what: object, *arguments: object) -> Told | None:
        try:
            async with self._link.guarding_async(), asyncio.timeout(self._budget_sec):
                said = await self._script_async(self._keys, self._arguments(what, *arguments))
                return _read(said)
        except _AWAY:
            return None

    def _arguments(self, what: object, *arguments: object) -> list[Any]:
        limits = self._circuit.limits
        return [
            what,
            "" if self._shared_clock is None else round(self._shared_clock() * _MICRO),
            limits.failure_threshold,
            round(limits.recovery_timeout * _MICRO),
            limits.success_threshold,
            limits.half_open_probes,
            round(limits.probe_timeout * _MICRO),
            _FORGOTTEN_AFTER_MS,
            *arguments,
        ]

    def _judge(self, told: Told, place: int) -> Permit:
        self._adopt(told)
        if not told.let:
            raise CircuitOpen(self.name, retry_after=told.wait_sec)
        with self._lock:
            local_era = self._circuit.era
        return _SharedPermit(told.era, place if told.is_probe else None, local_era)

    def _news(self, permit: _SharedPermit, error: BaseException | None) -> tuple[object, ...]:
        """How to tell Redis of the end of a call."""
        failed = self._is_failure(error)
        outcome = "unknown" if failed is None else "failed" if failed else "succeeded"
        place = "" if permit.probe is None else permit.probe
        return "leave", permit.era, place, outcome

    def _adopt(self, told: Told) -> None:
        with self._lock:
            if 0 < told.era < self._shared_era:
                return  # it was said before what is known already
            self._shared_era = told.era
            before = self._circuit.state
            self._circuit.adopt(told.state, told.failures, self._clock() + told.open_for_sec)
            self._tell(before)


def _read(said: list[Any]) -> Told:
    let, is_probe, era, wait, state, failures, left = said
    return Told(
        bool(let),
        bool(is_probe),
        int(era),
        int(wait) / _MICRO,
        State(state.decode()),
        failures,
        int(left) / _MICRO,
    )
