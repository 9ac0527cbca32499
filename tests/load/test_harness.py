"""Loads by worker processes, and what is brought back."""

import asyncio
import json
import os
import signal
from pathlib import Path

import msgspec
import numpy as np
import pytest

from dynogate.errors import ConfigurationError, GatewayUnreachable
from dynogate.load import schedules, worker
from dynogate.load.calls import Call
from dynogate.load.generator import Order, Progress
from dynogate.load.harness import Harness, Options, choose_engine, processes_for
from dynogate.load.samples import Outcome
from dynogate.load.targets import target
from tests.load.servers import Served


async def test_two_processes_share_a_schedule(server: Served) -> None:
    """Each call is sent once, at its time; sums are sums."""
    heard: list[Progress] = []
    options = Options(processes=2, pid=server.pid)
    async with Harness(target(server.url), options=options, report=heard.append) as harness:
        times = schedules.constant(100, 1.5)
        run = await harness.open_loop(times, 1.5)
        again = await harness.closed_loop(3, calls=31)
    assert run.samples.intended.tolist() == times.tolist()
    assert run.samples.counts == {Outcome.OK: 150}
    assert run.processes == 2
    assert 0 < run.certificate.cpu_share < 1
    assert run.timeline.rss.size >= 1
    assert run.samples.names == ("list_databases",)
    assert heard[-1].sent > 50
    assert again.samples.counts == {Outcome.OK: 31}
    assert again.samples.users == 3


async def test_a_stopped_harness_keeps_what_there_is(server: Served) -> None:
    """Workers bring home what they have."""
    async with Harness(target(server.url)) as harness:
        asyncio.get_running_loop().call_later(4, harness.stop)
        run = await harness.open_loop(schedules.constant(50, 60), 60)
        assert harness.stopped
    assert 1 < len(run.samples) < 600
    assert run.samples.duration < 30


async def test_a_worker_that_dies_is_told(server: Served) -> None:
    """It does not hang the harness."""
    async with Harness(target(server.url)) as harness:
        running = asyncio.create_task(harness.open_loop(schedules.constant(50, 60), 60))
        while not harness.worker_pids:
            await asyncio.sleep(0.05)
        os.kill(harness.worker_pids[0], signal.SIGKILL)
        with pytest.raises(RuntimeError, match="died"):
            await running


async def test_nobody_there() -> None:
    """Is found out before workers are started."""
    with pytest.raises(GatewayUnreachable):
        async with Harness(target("http://127.0.0.1:9")):
            pass


@pytest.mark.parametrize(
    ("users", "duration", "calls"),
    [(0, 1, None), (1, None, None), (1, 0, None), (1, float("inf"), None), (1, None, 0)],
)
async def test_closed_loops_that_cannot_be(
    server: Served, users: int, duration: float | None, calls: int | None
) -> None:
    """Are told before anything is sent."""
    async with Harness(target(server.url)) as harness:
        with pytest.raises(ConfigurationError):
            await harness.closed_loop(users, duration=duration, calls=calls)
        with pytest.raises(ConfigurationError):
            await harness.open_loop(schedules.constant(1, 1)[:0], 1)


def test_options_that_cannot_be() -> None:
    """Numbers of things start at one."""
    with pytest.raises(ConfigurationError, match="processes"):
        Options(processes=0)
    with pytest.raises(ConfigurationError, match="weight"):
        Harness(target("http://x"), [Call("a", weight=-1)])


def test_the_engine_follows_the_rate() -> None:
    """aiohttp while it can be on time, unless another is asked for."""
    rpc = target("http://x")
    assert choose_engine(rpc, "auto", 100) == "aiohttp"
    assert choose_engine(rpc, "auto", 20_000) == "fast"
    assert choose_engine(rpc, "aiohttp", 20_000) == "aiohttp"
    assert choose_engine(target("ws://x"), "auto", 20_000) == "ws"
    assert processes_for("fast", 100) == 1
    assert processes_for("fast", 1e9) == len(os.sched_getaffinity(0))


async def in_lines(*commands: worker.Command) -> None:
    """A worker, in this process, that is told these commands."""
    lines = asyncio.StreamReader()
    for command in commands:
        lines.feed_data(msgspec.json.encode(command) + b"\n")
    lines.feed_eof()
    await worker.Worker().serve(lines)


async def test_a_worker_says_why_it_cannot(
    capfdbinary: pytest.CaptureFixture[bytes], tmp_path: Path
) -> None:
    """A session that cannot be started, for one."""
    order = Order(target("http://127.0.0.1:9", "mcp"), (Call("x"),), "fast", 1.0)
    legacy = msgspec.structs.replace(
        order, target=msgspec.structs.replace(order.target, era="2025-11-25")
    )
    schedule = str(tmp_path / "times.npy")
    np.save(schedule, np.zeros(1))
    await in_lines(worker.Prepare(legacy, schedule))
    said = json.loads(capfdbinary.readouterr().out)
    assert said["type"] == "ready"
    assert "no MCP session" in said["why_not"]


async def test_a_worker_says_that_it_broke(
    server: Served, capfdbinary: pytest.CaptureFixture[bytes], tmp_path: Path
) -> None:
    """And ends its run when nobody talks to it any more."""
    schedule = str(tmp_path / "times.npy")
    np.save(schedule, schedules.constant(10, 30))
    order = Order(target(server.url), (Call("x"),), "fast", 30.0)
    with pytest.raises(FileNotFoundError):
        await in_lines(
            worker.Prepare(order, schedule), worker.Go(0.0, "/no/such/place.npz"), worker.Stop()
        )
    said = [json.loads(line) for line in capfdbinary.readouterr().out.splitlines()]
    assert [each["type"] for each in said] == ["ready", "done"]
    assert "FileNotFoundError" in said[-1]["why_not"]
