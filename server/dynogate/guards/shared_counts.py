"""Counts that several machines share, in Redis through ``limits``, within a budget of time."""

import asyncio
import time
from collections.abc import Awaitable, Callable, Iterable, Sequence
from dataclasses import dataclass
from functools import partial
from itertools import chain, dropwhile
from typing import Literal, TypeVar

from limits.aio.storage import RedisStorage
from limits.aio.strategies import SlidingWindowCounterRateLimiter
from redis.asyncio import BlockingConnectionPool, Redis
from redis.asyncio.connection import Connection
from redis.asyncio.retry import Retry
from redis.backoff import NoBackoff
from redis.exceptions import RedisError

from dynogate.errors import Busy, CircuitOpen, ConfigurationError
from dynogate.guards.rates import Rate
from dynogate.guards.single_flight import SingleFlight
from dynogate.resilience.breaker import OnChange
from dynogate.resilience.circuit import State
from dynogate.resilience.names import addresses_async
from dynogate.resilience.policy import Policy
from dynogate.telemetry.logs import get_logger

log = get_logger(__name__)

WhenDown = Literal["open", "closed"]
_PROBED_SEC = 1.0
_CONNECTIONS = 32
_PARTS = 50
_LEASED_SEC = 1.0
_LEASES = 16_384
_FAILURES = (RedisError, OSError, TimeoutError)
_AWAY = (*_FAILURES, CircuitOpen)
T = TypeVar("T")


@dataclass(frozen=True, slots=True)
class Full:
    """A rate that is used up, and seconds until it has room again."""

    rate: Rate
    wait_sec: float


@dataclass(slots=True)
class _Lease:
    """Calls that were counted in Redis already, and may be made until then."""

    left: int
    until: float


class SharedCounts:
    """Counts calls in a Redis.

    A machine counts a fiftieth of a rate ahead at a time, and spends that within a second: a round
    trip for each rate of each call would cost ten times what the call does. While Redis is out of
    reach one call at a time asks it, after a while, and no other waits for it.

    Args:
        url: where it is (``redis://``, ``rediss://``, ``unix://``).
        policy: longest that one call may wait for it, and when it is left alone.
        when_down: ``open`` lets calls pass that this machine's own counts let pass; ``closed``
            refuses them.
        on_change: told whenever its circuit opens or closes.

    Attributes:
        breaker: leaves it alone while it is out of reach.

    Raises:
        ConfigurationError: the URL is not one of a Redis.
    """

    def __init__(
        self,
        url: str,
        *,
        policy: Policy,
        when_down: WhenDown,
        on_change: OnChange | None = None,
    ) -> None:
        self._pool = _pool(url, policy.timeout_sec)
        storage = RedisStorage(
            "async+redis://",
            implementation="redispy",
            key_prefix="dynogate",
            connection_pool=self._pool,  # type: ignore[arg-type]  # documented, but not typed so
        )
        self._limiter = SlidingWindowCounterRateLimiter(storage)
        self._leases: dict[tuple[str, str], _Lease] = {}
        self._leasing = SingleFlight[Full | None]()
        self._budget_sec = policy.timeout_sec
        self._when_down = when_down
        self._on_change = on_change
        self.breaker = policy.breaker("rate_limits", _FAILURES, self._changed)

    async def take(self, *counts: tuple[str, Sequence[Rate]]) -> Full | None:
        """Count a call against the rates of each key; the first that is used up, if any.

        What comes after that one is not counted. Everything together waits for the budget.

        Raises:
            Busy: it is out of reach, and calls are to be refused then.
        """
        pairs = ((key, rate) for key, rates in counts for rate in rates)
        unspent = dropwhile(lambda pair: self._spend(*pair), pairs)
        first = next(unspent, None)
        if first is None:
            return None
        try:
            return await self._reach(lambda: self._ask(chain((first,), unspent)))
        except _AWAY:
            self._refuse_if_closed()
            return None

    async def ping(self) -> str:
        """``ok``, or what happens while it is out of reach.

        Raises:
            Busy: it is out of reach, and calls are refused for that.
        """
        try:
            await self._reach(Redis(connection_pool=self._pool).ping)
        except _AWAY:
            self._refuse_if_closed()
            return "out of reach; this machine counts alone"
        return "ok"

    async def close(self) -> None:
        """Close its connections."""
        await self._pool.disconnect()

    async def _reach(self, ask: Callable[[], Awaitable[T]]) -> T:
        async with self.breaker.guarding_async(), asyncio.timeout(self._budget_sec):
            return await ask()

    async def _ask(self, pairs: Iterable[tuple[str, Rate]]) -> Full | None:
        for key, rate in pairs:
            while not self._spend(key, rate):
                full = await self._leasing((key, rate.name), partial(self._lease, key, rate))
                if full is not None:
                    return full
        return None

    def _spend(self, key: str, rate: Rate) -> bool:
        lease = self._leases.get((key, rate.name))
        if lease is None or not lease.left or time.monotonic() > lease.until:
            return False
        lease.left -= 1
        return True

    async def _lease(self, key: str, rate: Rate) -> Full | None:
        count = max(rate.amount // _PARTS, 1)
        if not await self._limiter.hit(rate.item, rate.name, key, cost=count):
            count = 1  # the last few are given out one by one
            if not await self._limiter.hit(rate.item, rate.name, key):
                reset, _ = await self._limiter.get_window_stats(rate.item, rate.name, key)
                return Full(rate, min(max(reset - time.time(), 0.001), rate.seconds))
        while len(self._leases) >= _LEASES:
            del self._leases[next(iter(self._leases))]
        self._leases[key, rate.name] = _Lease(count, time.monotonic() + _LEASED_SEC)
        return None

    def _changed(self, name: str, before: State, after: State) -> None:
        if before is State.CLOSED:
            refused = self._when_down == "closed"
            log.error(
                "rate limits are not shared: their storage is out of reach",
                calls="refused" if refused else "counted by this machine alone",
            )
        elif after is State.CLOSED:
            log.info("rate limits are shared again")
        if self._on_change is not None:
            self._on_change(name, before, after)

    def _refuse_if_closed(self) -> None:
        if self._when_down == "closed":
            raise Busy(
                "the storage of rate limits is out of reach, and calls are refused until it is "
                "back (DYNOGATE_RATE_LIMIT_WHEN_DOWN=closed)",
                retry_after=self.breaker.open_for_sec or _PROBED_SEC,
            )


def _pool(url: str, budget_sec: float) -> BlockingConnectionPool:
    try:
        pool = BlockingConnectionPool.from_url(
            url,
            max_connections=_CONNECTIONS,
            timeout=budget_sec,
            socket_timeout=budget_sec,
            socket_connect_timeout=budget_sec,
            retry=Retry(NoBackoff(), 0),
        )
    except ValueError as error:
        raise ConfigurationError(f"DYNOGATE_RATE_LIMIT_STORAGE: {error}") from None
    if issubclass(pool.connection_class, Connection):  # with TLS or without; no socket file
        pool.connection_class = type("Named", (_Named, pool.connection_class), {})
    return pool


class _Named(Connection):
    """Looks its host's name up where a silent resolver holds nobody up."""

    async def connect(self) -> None:
        if not self.is_connected:
            await addresses_async(self.host)
        await super().connect()  # type: ignore[no-untyped-call]  # it has no types
