"""The open and the closed loop, over each engine, against a real server."""

import asyncio
import time

import numpy as np
import pytest

from dynogate.load import alarm, schedules
from dynogate.load.calls import Call, Transport
from dynogate.load.generator import EngineName, Generator, Order, Progress, Take
from dynogate.load.samples import Outcome
from dynogate.load.targets import target
from tests.load.servers import Served

ALL = pytest.mark.parametrize(
    ("engine", "transport"),
    [("aiohttp", "rpc"), ("fast", "rpc"), ("aiohttp", "mcp"), ("fast", "mcp"), ("ws", "ws")],
)


def generator(
    server: Served,
    engine: EngineName,
    transport: Transport,
    times: schedules.Times | None = None,
    **order: float | int | None,
) -> Generator:
    """A generator of list_databases."""
    given = Order(
        target=target(server.url, transport),
        calls=(Call("list_databases"),),
        engine=engine,
        **{"duration": None, **order},  # type: ignore[arg-type]
    )
    return Generator(given, np.zeros(0) if times is None else times)


async def take(one: Generator) -> Take:
    await one.open()
    return await one.run()


@ALL
async def test_an_open_loop_sends_all_it_has_to(
    server: Served, engine: EngineName, transport: Transport
) -> None:
    """At its times, never before them."""
    times = schedules.constant(200, 0.5)
    samples = (await take(generator(server, engine, transport, times, duration=0.5))).samples
    assert samples.counts == {Outcome.OK: 100}
    assert samples.loop == "open"
    assert np.array_equal(samples.intended, times)
    assert (samples.sent >= samples.intended).all()
    assert (samples.finished > samples.sent).all()
    assert samples.duration == 0.5


@ALL
async def test_a_closed_loop_has_as_many_in_flight_as_users(
    server: Served, engine: EngineName, transport: Transport
) -> None:
    """And makes as many calls as it was told."""
    samples = (await take(generator(server, engine, transport, users=4, max_calls=100))).samples
    assert samples.counts == {Outcome.OK: 100}
    assert samples.loop == "closed"
    assert samples.users == 4
    assert np.array_equal(samples.intended, samples.sent)
    began, ended = np.sort(samples.sent), np.sort(samples.finished)
    in_flight = [(began <= t).sum() - (ended <= t).sum() for t in began]
    assert max(in_flight) <= 4


async def test_a_closed_loop_stops_in_time(server: Served) -> None:
    """The answers that are still to come are waited for."""
    samples = (await take(generator(server, "fast", "rpc", users=2, duration=0.3))).samples
    assert 0.3 <= samples.duration < 0.6
    assert samples.sent.max() < 0.3
    assert samples.success_rate == 1
    assert len(samples) > 20


async def test_a_stall_is_seen_by_every_call_it_delays(server: Served) -> None:
    """Calls are sent on time whatever the server does: no coordinated omission."""
    held = asyncio.Event()

    async def slow(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await reader.readuntil(b"}}")
        await held.wait()
        writer.close()
        await writer.wait_closed()

    listener = await asyncio.start_server(slow, "127.0.0.1", 0)
    port = listener.sockets[0].getsockname()[1]
    times = schedules.constant(100, 0.5)
    frozen = Served(f"http://127.0.0.1:{port}", 0)
    one = generator(frozen, "fast", "rpc", times, duration=0.5)
    await one.open()
    running = asyncio.create_task(one.run())
    await asyncio.sleep(0.7)
    assert one.progress().in_flight == 50
    held.set()
    samples = (await running).samples
    listener.close()
    await listener.wait_closed()
    assert samples.counts == {Outcome.CONNECTION: 50}
    waited = samples.response_time
    assert np.all(np.diff(waited) < 0.05)
    assert waited[0] - waited[-1] > 0.4


@pytest.mark.parametrize("users", [0, 3])
async def test_a_run_can_be_stopped(server: Served, users: int) -> None:
    """What there is until then is kept."""
    times = None if users else schedules.constant(100, 30)
    one = generator(server, "aiohttp", "rpc", times, duration=30, users=users)
    await one.open()
    asyncio.get_running_loop().call_later(0.3, one.stop)
    began = time.monotonic()
    samples = (await one.run()).samples
    assert time.monotonic() - began < 5
    assert samples.count(Outcome.OK) > 5
    assert set(samples.counts) <= {Outcome.OK, Outcome.ABANDONED}
    assert 0.1 < samples.duration < 5


async def test_how_a_run_stands(server: Served) -> None:
    """Is told while it runs."""
    heard: list[Progress] = []
    one = generator(server, "fast", "rpc", schedules.constant(100, 1.2), duration=1.2)
    await one.open()
    await one.run(report=heard.append)
    assert len(heard) >= 2
    assert heard[-1].sent > heard[0].sent > 0
    assert heard[0].bad == 0
    assert heard[0].p99 is not None


async def test_a_hopeless_rate_is_given_up(server: Served, monkeypatch: pytest.MonkeyPatch) -> None:
    """Sends that are too late are dropped, so that the run ends."""
    monkeypatch.setattr("dynogate.load.loops._GIVE_UP", 0.1)
    times = schedules.constant(500_000, 0.2)
    samples = (await take(generator(server, "aiohttp", "rpc", times, duration=0.2))).samples
    assert samples.count(Outcome.DROPPED) > 50_000
    assert samples.duration == 0.2


async def test_the_alarm_works_without_timerfd(monkeypatch: pytest.MonkeyPatch) -> None:
    """On other systems than Linux, through the event loop's own timers."""
    monkeypatch.setattr("sys.platform", "darwin")
    rung: list[float] = []
    clock = alarm.Alarm(lambda: rung.append(time.perf_counter()))
    due = time.perf_counter() + 0.02
    clock.at(due)
    while not rung:
        await asyncio.sleep(0.005)
    clock.at(due + 60)
    clock.close()
    assert rung[0] >= due - 0.002
    assert len(rung) == 1
