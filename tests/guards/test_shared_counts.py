"""Rate limits over several machines, and what becomes of them when their Redis goes away."""

import asyncio
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest

from dynogate.app import build_app, check
from dynogate.errors import Busy, ConfigurationError
from dynogate.guards.rates import read_rates
from dynogate.guards.shared_counts import SharedCounts, WhenDown
from dynogate.resilience.circuit import State
from dynogate.resilience.policy import Policy
from dynogate.settings import load_settings
from tests.live import Live, in_process, until
from tests.redis import RedisServer

HELLO = {"jsonrpc": "2.0", "id": 1, "method": "echo", "params": {"say": "hi"}}
RATES = read_rates("5/minute;1000/hour", "client", "DYNOGATE_RATE_LIMIT")


def policy(budget_sec: float, recovery_sec: float = 1.0) -> Policy:
    return Policy(timeout_sec=budget_sec, retries=0, failures=1, recovery_sec=recovery_sec)


class Changes(list[State]):
    """What was told of the storage."""

    def counts(
        self,
        redis: RedisServer,
        when_down: WhenDown = "open",
        *,
        budget_sec: float = 0.3,
        recovery_sec: float = 1.0,
    ) -> SharedCounts:
        return SharedCounts(
            redis.url,
            policy=policy(budget_sec, recovery_sec),
            when_down=when_down,
            on_change=lambda name, before, after: self.append(after),
        )


async def test_machines_count_together(redis_server: RedisServer) -> None:
    """What one counted, another knows; the wait is within the window."""
    one, other = Changes().counts(redis_server), Changes().counts(redis_server)
    taken = [await counts.take(("alice", RATES)) for counts in (one, other) * 3]
    assert taken[:5] == [None] * 5
    assert taken[5] is not None
    assert taken[5].rate == RATES[0]
    assert 0 < taken[5].wait_sec <= 60
    assert await other.take(("bob", RATES)) is None
    await one.close()
    await other.close()


async def test_most_calls_need_no_round_trip(redis_server: RedisServer) -> None:
    """Part of a rate is counted ahead; two machines still let through what one would."""
    rates = read_rates("200/hour", "client", "DYNOGATE_RATE_LIMIT")
    one, other = (Changes().counts(redis_server, budget_sec=10.0) for _ in range(2))
    hits = 0
    hit = one._limiter.hit

    async def counted(*arguments: Any, **more: Any) -> bool:
        nonlocal hits
        hits += 1
        return await hit(*arguments, **more)

    one._limiter.hit = counted  # type: ignore[method-assign]
    taken = [await asyncio.gather(*(one.take(("alice", rates)) for _ in range(100)))]
    assert hits <= 26
    taken += [await asyncio.gather(*(other.take(("alice", rates)) for _ in range(150)))]
    assert sum(full is None for each in taken for full in each) == 200
    await one.close()
    await other.close()


async def test_an_outage_is_noticed_and_its_end_too(redis_server: RedisServer) -> None:
    """While it lasts calls pass, and only one a while asks the storage."""
    changes = Changes()
    counts = changes.counts(redis_server, recovery_sec=0.05)
    for _ in range(6):
        full = await counts.take(("alice", RATES))
    assert full is not None
    redis_server.kill()
    assert await counts.take(("alice", RATES)) is None
    assert changes == ["open"]
    redis_server.start()
    deadline = time.monotonic() + 10
    while changes[-1] != "closed":
        assert time.monotonic() < deadline
        await counts.take(("alice", RATES))
    assert changes[-2:] == ["half_open", "closed"]
    await counts.close()


async def test_a_frozen_storage_costs_its_budget_once(redis_server: RedisServer) -> None:
    """The first call waits for it; those after it do not."""
    counts = Changes().counts(redis_server)
    assert await counts.take(("alice", RATES)) is None
    redis_server.freeze()
    start = time.monotonic()
    for _ in range(100):
        assert await counts.take(("alice", RATES)) is None
    assert time.monotonic() - start < 0.9  # three budgets; each call waiting would take 30 s
    await counts.close()


async def test_a_slow_storage_costs_its_budget_for_all_rates_together(
    redis_server: RedisServer,
) -> None:
    """Each answer comes within the budget, the second too late."""
    delay_sec = 0.0

    async def relay(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        server, client = await asyncio.open_connection("127.0.0.1", redis_server.port)

        async def forward() -> None:
            while data := await reader.read(65_536):
                client.write(data)
            client.close()

        forwarding = asyncio.ensure_future(forward())
        while data := await server.read(65_536):
            await asyncio.sleep(delay_sec)
            writer.write(data)
        writer.close()
        await forwarding

    async with await asyncio.start_server(relay, "127.0.0.1", 0) as slow:
        port = slow.sockets[0].getsockname()[1]
        counts = SharedCounts(f"redis://127.0.0.1:{port}/0", policy=policy(0.5), when_down="open")
        one_rate = RATES[:1]
        assert await counts.take(("alice", one_rate), ("", one_rate)) is None
        delay_sec = 0.4
        start = time.monotonic()
        assert await counts.take(("alice", one_rate), ("", one_rate)) is None
        assert time.monotonic() - start < 0.7  # one answer after the other takes 0.8 s
        await asyncio.sleep(0.5)  # what was given up comes to its end
        await counts.close()


async def test_a_redis_by_name_that_is_not_found_is_down(redis_server: RedisServer) -> None:
    """As one that is out of reach; a name that is found is used."""
    lost = SharedCounts("redis://nowhere.invalid/0", policy=policy(5.0), when_down="closed")
    with pytest.raises(Busy):
        await lost.take(("alice", RATES))
    found = SharedCounts(
        f"redis://localhost:{redis_server.port}/0",
        policy=policy(5.0),
        when_down="closed",
    )
    assert await found.take(("alice", RATES)) is None
    await found.close()


async def test_a_closed_policy_refuses_calls_while_it_is_down(redis_server: RedisServer) -> None:
    """Told as 503 with the setting that decides it, the first time and after."""
    counts = Changes().counts(redis_server, "closed")
    redis_server.kill()
    for _ in range(2):
        with pytest.raises(Busy, match="DYNOGATE_RATE_LIMIT_WHEN_DOWN=closed"):
            await counts.take(("alice", RATES))
    await counts.close()


@contextmanager
def gateway(folder: Path, redis: RedisServer, when_down: str) -> Iterator[Live]:
    settings = load_settings(
        data_dir=folder,
        toolsets="tests.toolset:toolset",
        rate_limit="20/hour",
        rate_limit_storage=redis.url,
        rate_limit_when_down=when_down,
        rate_limit_timeout_sec=0.3,
    )
    with in_process(build_app(settings)) as live:
        yield live


def test_gateways_share_limits_until_the_storage_dies_and_after_it_is_back(
    redis_server: RedisServer, tmp_path: Path
) -> None:
    """Two gateways, one Redis, killed and started again; nobody gets a 500."""
    with (
        gateway(tmp_path / "one", redis_server, "open") as one,
        gateway(tmp_path / "two", redis_server, "open") as two,
    ):
        statuses = [live.post(HELLO).status_code for live in (one, two) * 15]
        assert (statuses.count(200), statuses.count(429)) == (20, 10)
        redis_server.kill()  # each counts by itself now: 10 of 20 are used up
        alone = [one.post(HELLO).status_code for _ in range(12)]
        assert set(alone) == {200, 429}
        assert 0 < alone.count(200) <= 10
        assert "dynogate_rate_limit_storage_up 0.0" in one.get("/metrics").text
        redis_server.start()
        until(lambda: storage_is_used(one), "the storage to be used again", 10)


def storage_is_used(live: Live) -> bool:
    """Whether it is, after a call of the other kind, whose limit is not used up."""
    live.post({**HELLO, "method": "refuse", "params": {}})
    return "storage_up 1.0" in live.get("/metrics").text


def test_a_closed_gateway_tells_503(redis_server: RedisServer, tmp_path: Path) -> None:
    """With Retry-After; it serves again once the storage is back."""
    with gateway(tmp_path, redis_server, "closed") as live:
        assert live.post(HELLO).status_code == 200
        redis_server.kill()
        answer = live.post(HELLO)
        assert answer.status_code == 503
        assert answer.headers["retry-after"] == "1"
        redis_server.start()
        until(lambda: live.post(HELLO).status_code == 200, "calls to be served", 10)


@pytest.mark.parametrize("url", ["mysql://x", "redis://localhost:notaport/0"])
def test_a_wrong_url_is_refused_before_starting(tmp_path: Path, url: str) -> None:
    """By its setting's name."""
    with pytest.raises(ConfigurationError, match="DYNOGATE_RATE_LIMIT_STORAGE"):
        check(load_settings(data_dir=tmp_path, rate_limit="5/second", rate_limit_storage=url))


async def test_readiness_knows_an_outage(redis_server: RedisServer) -> None:
    """It says what happens meanwhile; where calls are refused it says no."""
    going_on, refusing = Changes().counts(redis_server), Changes().counts(redis_server, "closed")
    assert await going_on.ping() == await refusing.ping() == "ok"
    redis_server.kill()
    assert "alone" in await going_on.ping()
    with pytest.raises(Busy):
        await refusing.ping()
    await going_on.close()
    await refusing.close()
