"""Both HTTP engines make the same of good and bad servers."""

import resource
from pathlib import Path

import msgspec
import numpy as np
import pytest

from dynogate.load import schedules
from dynogate.load.calls import Call
from dynogate.load.certificate import certify
from dynogate.load.generator import EngineName, Generator, Order, Take
from dynogate.load.samples import Outcome
from dynogate.load.targets import Target, target
from tests.load import servers
from tests.ports import free_port

CALLS = (Call("ping"),)
BOTH = pytest.mark.parametrize("engine", ["aiohttp", "fast"])


async def users(
    to: Target, engine: EngineName, *, number: int = 2, calls: int = 6, seconds: float | None = None
) -> Take:
    """What a closed loop brings home."""
    order = Order(to, CALLS, engine, seconds, users=number, max_calls=calls)
    generator = Generator(order, np.zeros(0))
    await generator.open()
    return await generator.run()


async def at_rate(to: Target, engine: EngineName, rate: float, seconds: float, **more: int) -> Take:
    """What an open loop brings home."""
    order = Order(to, CALLS, engine, seconds, **more)
    generator = Generator(order, schedules.constant(rate, seconds))
    await generator.open()
    return await generator.run()


@BOTH
@pytest.mark.parametrize(
    ("behaviour", "outcome", "why"),
    [
        (servers.html, Outcome.BAD_REPLY, "not JSON"),
        (servers.not_found, Outcome.BAD_REPLY, "HTTP 404"),
        (servers.elsewhere, Outcome.BAD_REPLY, "HTTP 307"),
        (servers.error_with_200, Outcome.RPC_ERROR, "error -32603"),
        (servers.tool_error, Outcome.TOOL_ERROR, "isError"),
        (servers.wrong_id, Outcome.BAD_REPLY, "id is not that"),
        (servers.truncated, Outcome.BAD_REPLY, "not JSON"),
        (servers.cut_off, Outcome.BAD_REPLY, ""),
        (servers.hangs_up, Outcome.CONNECTION, ""),
        (servers.no_http, Outcome.BAD_REPLY, "not HTTP"),
        (servers.sheds, Outcome.SHED, "HTTP 503"),
    ],
)
async def test_a_bad_server_is_told_for_what_it_does(
    engine: EngineName, behaviour: servers.Behaviour, outcome: Outcome, why: str
) -> None:
    """Every call is accounted for, none as a success."""
    with servers.raw(behaviour) as url:
        take = await users(target(url), engine)
    assert take.samples.counts == {outcome: 6}
    assert all(why in complaint for complaint in take.complaints)
    assert take.complaints.total() == 6


@BOTH
@pytest.mark.parametrize(
    "behaviour",
    [
        servers.chunked,
        servers.until_close,
        servers.one_each,
        servers.in_pieces,
        servers.events,
    ],
)
async def test_every_way_to_frame_a_good_answer(
    engine: EngineName, behaviour: servers.Behaviour
) -> None:
    """Chunks, no length, no keep-alive, drop by drop, events."""
    with servers.raw(behaviour) as url:
        take = await users(target(url), engine)
    assert take.samples.counts == {Outcome.OK: 6}, take.complaints


@BOTH
async def test_a_server_that_hangs_is_timed_out(engine: EngineName) -> None:
    """After the timeout, and the time that was waited counts."""
    with servers.raw(servers.hangs) as url:
        take = await at_rate(target(url, timeout=0.3), engine, 20, 0.2)
    assert take.samples.counts == {Outcome.TIMEOUT: 4}
    assert 0.3 <= take.samples.response_percentiles().p50 < 1


@BOTH
async def test_nobody_there(engine: EngineName) -> None:
    """Refused connections are failures, and users do not spin on them."""
    port = free_port()
    take = await users(target(f"http://127.0.0.1:{port}"), engine, calls=1000, seconds=0.5)
    assert set(take.samples.counts) == {Outcome.CONNECTION}
    assert len(take.samples) <= 2 * 6


@BOTH
async def test_a_closed_loop_comes_back_when_it_is_told_to(engine: EngineName) -> None:
    """Retry-After: two users with 0.2 s between their calls; the run still ends in time."""
    with servers.raw(servers.limits) as url:
        take = await users(target(url), engine, calls=1000, seconds=0.5)
    assert set(take.samples.counts) == {Outcome.RATE_LIMITED}
    assert 4 <= len(take.samples) <= 2 * 4
    assert take.samples.error_rate == 0


@BOTH
async def test_what_is_too_many_in_flight_is_dropped(engine: EngineName) -> None:
    """And said to be: it was never sent."""
    with servers.raw(servers.hangs) as url:
        to = target(url, timeout=1.0)
        take = await at_rate(to, engine, 50, 0.2, max_in_flight=3)
    assert take.samples.counts == {Outcome.TIMEOUT: 3, Outcome.DROPPED: 7}
    assert np.isnan(take.samples.sent).sum() == 7


@BOTH
async def test_connections_go_where_the_target_says(
    engine: EngineName, server: servers.Served
) -> None:
    """To the first of its addresses that answers, whatever its name resolves to."""
    named = target(server.url.replace("127.0.0.1", "no-such-host.invalid"))
    take = await users(msgspec.structs.replace(named, addresses=("::1", "127.0.0.1")), engine)
    assert take.samples.counts == {Outcome.OK: 6}
    port = free_port()
    lost = msgspec.structs.replace(target(f"http://127.0.0.1:{port}"), addresses=("127.0.0.1",))
    take = await users(lost, engine, seconds=0.2)
    assert set(take.samples.counts) == {Outcome.CONNECTION}


@BOTH
async def test_a_scenario_is_sent_by_weight(engine: EngineName) -> None:
    """Each call is known by its name, in the samples and on the wire."""
    asked: list[bytes] = []

    async def listening(body: bytes, _: servers.Reader, writer: servers.Writer) -> None:
        asked.append(body)
        servers.respond(writer, servers.result(body))

    calls = (Call("a", weight=3), Call("b", {"x": 1}))
    with servers.raw(listening) as url:
        generator = Generator(
            Order(target(url), calls, engine, 1.0, users=3, max_calls=60), np.zeros(0)
        )
        await generator.open()
        samples = (await generator.run()).samples
    sent_b = sum(b'"method":"b","params":{"x":1}' in body for body in asked)
    assert 0 < sent_b < 30
    assert len(samples.of_kind("b")) == sent_b
    assert samples.names == ("a", "b")


@pytest.mark.parametrize(
    "answer",
    [
        b"HTTP/1.1 two hundred\r\n\r\n",
        b"HTTP/1.1 200 OK\r\nno colon\r\n\r\n",
        b"HTTP/1.1 200 OK\r\ncontent-length: 99999999999\r\n\r\n",
        b"HTTP/1.1 200 OK\r\ncontent-length: -1\r\n\r\n",
        b"HTTP/1.1 200 OK\r\ncontent-length: 2\r\n\r\n{}{}",
        b"HTTP/1.1 200 OK\r\ntransfer-encoding: chunked\r\n\r\nzz\r\n\r\n\r\n",
        b"HTTP/1.1 200 OK\r\ntransfer-encoding: chunked\r\n\r\n1\r\nabc\r\n\r\n",
        b"HTTP/1.1 200 OK\r\nx: " + b"y" * 70_000,
    ],
)
async def test_what_the_fast_engine_does_not_take(answer: bytes) -> None:
    """Malformed or oversized responses fail their call and nothing else."""

    async def malformed(body: bytes, _: servers.Reader, writer: servers.Writer) -> None:
        writer.write(answer)

    with servers.raw(malformed) as url:
        take = await users(target(url, timeout=2), "fast", number=1, calls=2)
    assert take.samples.counts == {Outcome.BAD_REPLY: 2}, take.complaints


async def test_an_unused_connection_is_closed() -> None:
    """Before the server does it at a bad moment."""
    closed: list[bool] = []

    async def watched(body: bytes, reader: servers.Reader, writer: servers.Writer) -> None:
        servers.respond(writer, servers.result(body))
        if not closed:
            closed.append(False)
            await writer.drain()
            closed.append(await reader.read() == b"")

    with servers.raw(watched) as url:
        order = Order(target(url), CALLS, "fast", 3.2)
        generator = Generator(order, np.array([0.0, 3.1]))
        await generator.open()
        take = await generator.run()
    assert take.samples.counts == {Outcome.OK: 2}
    assert closed == [False, True]


@BOTH
async def test_a_lack_of_sockets_here_is_not_the_servers_fault(engine: EngineName) -> None:
    """Calls without one were never sent, which makes the run invalid."""
    before = resource.getrlimit(resource.RLIMIT_NOFILE)
    used = len(list(Path("/proc/self/fd").iterdir()))
    with servers.raw(servers.hangs) as url:
        order = Order(target(url, timeout=1.5), CALLS, engine, 0.5)
        generator = Generator(order, schedules.constant(100, 0.5))
        await generator.open()
        resource.setrlimit(resource.RLIMIT_NOFILE, (used + 40, before[1]))
        try:
            take = await generator.run()
        finally:
            resource.setrlimit(resource.RLIMIT_NOFILE, before)
    assert take.samples.count(Outcome.DROPPED) > 5
    assert not certify(take.samples, take.lags.tolist(), 0.1).valid
