"""A breaker of several processes: the same rules in a Redis, and what becomes of it without one."""

import asyncio
import signal
import subprocess
import sys
import time
from dataclasses import asdict
from itertools import count
from typing import Any

import pytest
from hypothesis import settings
from hypothesis.stateful import run_state_machine_as_test

from dynogate.errors import CircuitOpen
from dynogate.resilience.circuit import Circuit, Limits, Permit, Refusal, State
from dynogate.resilience.shared import SharedCircuitBreaker
from tests.live import until
from tests.redis import RedisServer
from tests.resilience.test_circuit import Histories

PROBES = 3
_names = count()


class InRedis(Circuit):
    """The circuit of a breaker in a Redis, at whatever time it is told."""

    def __init__(self, limits: Limits, url: str) -> None:
        self.now = 0.0
        self.breaker = SharedCircuitBreaker(
            url,
            f"history{next(_names)}",
            budget_sec=30.0,
            shared_clock=lambda: self.now,
            **asdict(limits),
        )

    def enter(self, now: float) -> Permit | Refusal:
        self.now = now
        try:
            return self.breaker.enter()
        except CircuitOpen as refused:
            return Refusal(refused.retry_after)

    def leave(self, permit: Permit, now: float, *, failed: bool | None) -> None:
        self.now = now
        error = {True: ConnectionError(), False: None, None: asyncio.CancelledError()}[failed]
        self.breaker.leave(permit, error)

    def look(self, now: float) -> State:
        self.now = now
        told = self.breaker._asked("look")
        assert told is not None
        self.probes = dict.fromkeys(range(self.breaker._redis.zcard(self.breaker._keys[1])), 0.0)
        half_open = told.state is State.OPEN and told.open_for_sec == 0
        return State.HALF_OPEN if half_open else told.state


def test_the_rules_in_redis_are_the_same(redis_server: RedisServer) -> None:
    """Judged by the same history, at the same times."""

    class Shared(Histories):
        def make(self, limits: Limits) -> Circuit:
            made.append(InRedis(limits, redis_server.url))
            return made[-1]

        def teardown(self) -> None:
            while made:
                made.pop().breaker.close()

    made: list[InRedis] = []

    run_state_machine_as_test(
        Shared, settings=settings(max_examples=40, stateful_step_count=40, deadline=None)
    )


def demo(redis: RedisServer, **figures: Any) -> SharedCircuitBreaker:
    """One that opens with the first failure, and is half open 0.3 s later."""
    more = {"failure_threshold": 1, "recovery_timeout": 0.3, "probe_timeout": 30.0, **figures}
    return SharedCircuitBreaker(redis.url, "demo", budget_sec=5.0, **more)


def fail(breaker: SharedCircuitBreaker) -> None:
    with pytest.raises(ConnectionError), breaker:
        raise ConnectionError


def passes(breaker: SharedCircuitBreaker) -> bool:
    try:
        with breaker:
            return True
    except CircuitOpen:
        return False


def test_what_one_learns_others_know(redis_server: RedisServer) -> None:
    """Failures add up, whoever has them; what closes it for one closes it for all."""
    one, other = (demo(redis_server, failure_threshold=2) for _ in range(2))
    fail(one)
    fail(other)
    for breaker in (one, other):
        with pytest.raises(CircuitOpen) as caught:
            breaker.enter()
        assert 0 < caught.value.retry_after <= 0.3
        assert breaker.state == "open"
    time.sleep(0.3)
    with one:
        assert not passes(other)
        assert other.state == "half_open"
    assert passes(other)
    assert one.state == other.state == "closed"
    one.close()
    other.close()


async def test_of_a_thousand_tasks_only_the_allowed_probes_pass(redis_server: RedisServer) -> None:
    """As without sharing; a cancelled probe gives its place back."""
    breaker = demo(redis_server, half_open_probes=PROBES, success_threshold=PROBES)
    await asyncio.to_thread(fail, breaker)
    await asyncio.sleep(0.3)
    inside, gate = 0, asyncio.Event()

    @breaker
    async def call() -> None:
        nonlocal inside
        inside += 1
        await gate.wait()

    probing = {asyncio.create_task(call()) for _ in range(1000)}
    while len(probing) > PROBES:
        _, probing = await asyncio.wait(probing, return_when=asyncio.FIRST_COMPLETED)
    assert inside == PROBES
    cancelled = probing.pop()
    cancelled.cancel()
    await asyncio.wait([cancelled])
    late = asyncio.create_task(call())
    gate.set()
    await asyncio.gather(late, *probing)
    assert inside == PROBES + 1
    assert breaker.state == "closed"
    await breaker.aclose()


async def test_who_gives_up_while_asking_keeps_no_place(redis_server: RedisServer) -> None:
    """Redis may have given it one by then."""
    breaker = demo(redis_server)
    await asyncio.to_thread(fail, breaker)
    await asyncio.sleep(0.3)
    redis_server.freeze()
    asking = asyncio.create_task(breaker.enter_async())
    await asyncio.sleep(0.05)
    asking.cancel()
    with pytest.raises(asyncio.CancelledError):
        await asking
    redis_server.process.signal(signal.SIGCONT)
    await asyncio.gather(*breaker._giving_back)
    async with breaker:
        pass
    assert breaker.state == "closed"
    await breaker.aclose()


PROCESS = """
import os, sys
from dynogate.errors import CircuitOpen
from dynogate.resilience.shared import SharedCircuitBreaker

breaker = SharedCircuitBreaker(
    sys.argv[1], "demo", budget_sec=5.0, failure_threshold=1, recovery_timeout=0.3,
    probe_timeout=3.0, half_open_probes=3,
)
print("ready", flush=True)
sys.stdin.readline()
let = 0
for _ in range(50):
    try:
        breaker.enter()
        let += 1
    except CircuitOpen:
        pass
print(let, flush=True)
os._exit(9)
"""


def test_of_many_processes_only_the_allowed_probes_pass(redis_server: RedisServer) -> None:
    """And what a dead one holds is free again after a while."""
    breaker = demo(redis_server, half_open_probes=PROBES, probe_timeout=3.0)
    fail(breaker)
    processes = [
        subprocess.Popen(
            [sys.executable, "-c", PROCESS, redis_server.url],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            text=True,
        )
        for _ in range(4)
    ]
    for process in processes:
        assert process.stdout is not None
        assert process.stdout.readline() == "ready\n"
    answers = [process.communicate("go\n") for process in processes]
    assert sum(int(let) for let, _ in answers) == PROBES
    assert not passes(breaker)
    until(lambda: passes(breaker), "the places to be free", 10)
    breaker.close()


def test_without_redis_each_goes_on_alone(redis_server: RedisServer) -> None:
    """From what was known; and together again once it is back."""
    breaker = demo(redis_server, failure_threshold=2, recovery_timeout=60.0)
    fail(breaker)
    redis_server.kill()
    fail(breaker)
    assert not passes(breaker)
    redis_server.start()  # without memory
    until(lambda: passes(breaker), "Redis to be asked again", 10)
    assert breaker.state == "closed"
    breaker.close()


async def test_a_call_whose_end_redis_misses_counts_here(redis_server: RedisServer) -> None:
    """In coroutines, too."""
    breaker = demo(redis_server, recovery_timeout=60.0)

    async def call() -> None:
        async with breaker:
            redis_server.kill()
            raise ConnectionError

    with pytest.raises(ConnectionError):
        await call()
    assert breaker.state == "open"
    with pytest.raises(CircuitOpen):
        await breaker.enter_async()
    await breaker.aclose()
