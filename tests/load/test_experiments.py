"""Raising the load: what is measured beyond the steps themselves, and what a stop leaves."""

import asyncio

import pytest

from dynogate.load import experiments, schedules
from dynogate.load.breaking_point import Search
from dynogate.load.certificate import Limits
from dynogate.load.harness import Harness, Options
from dynogate.load.steps import Rule
from dynogate.load.targets import target
from tests.load import servers
from tests.load.servers import Reader, Served, Writer

LENIENT = Options(limits=Limits(late=0.5, lag=0.5))


async def test_a_ramp_up_that_is_stopped(server: Served) -> None:
    """The step that was cut short does not count; those before it do."""
    async with Harness(target(server.url), options=LENIENT) as harness:
        await harness.open_loop(schedules.constant(10, 0.1), 0.1)  # its worker runs by now
        asyncio.get_running_loop().call_later(4, harness.stop)
        search = Search(start=40, limit=1e5, growth=1.01)
        ramp = await experiments.find_edge(
            harness, search, Rule(), step_duration=0.6, measure_recovery=True
        )
    assert ramp.interrupted
    assert ramp.breaking_point is None
    assert ramp.recovery is None
    assert ramp.steps
    assert ramp.certificate.limits.dropped == 1.0


async def test_the_edge_and_the_recovery(monkeypatch: pytest.MonkeyPatch) -> None:
    """A server that serves one call after another, 25 ms each: 40 a second, and no more."""
    monkeypatch.setattr(experiments, "_BEFORE", 1.0)
    monkeypatch.setattr(experiments, "_OVERLOAD", 1.0)
    monkeypatch.setattr(experiments, "_AFTER", 4.0)
    turn = asyncio.Lock()

    async def one_by_one(body: bytes, _: Reader, writer: Writer) -> None:
        async with turn:
            await asyncio.sleep(0.025)
        servers.respond(writer, servers.result(body))

    with servers.raw(one_by_one) as url:
        async with Harness(target(url), options=LENIENT) as harness:
            ramp = await experiments.find_edge(
                harness,
                Search(start=20, limit=160, growth=2.5, resolution=1.4),
                Rule(max_p99=0.3),
                step_duration=1.0,
                measure_recovery=True,
            )
    found = ramp.breaking_point
    assert found is not None
    assert found.verdict == "found"
    assert found.knee is not None
    assert 15 < found.knee < 45
    assert ramp.recovery is None or 0 <= ramp.recovery <= 4
    assert len(ramp.runs) == len(ramp.steps)


async def test_a_disturbed_step_is_run_again(server: Served) -> None:
    """Where the generator was too busy, a step that broke says nothing of the server."""
    strict = Options(limits=Limits(late=-1, lag=-1, share_of_p99=0))
    async with Harness(target(server.url), options=strict) as harness:
        ramp = await experiments.find_edge(
            harness,
            Search(start=20, limit=20, lightest=20),
            Rule(max_p99=1e-9),
            step_duration=0.2,
            measure_recovery=False,
        )
    assert len(ramp.steps) == 1
    assert not ramp.certificate.valid
    assert ramp.best is None
