"""The server's process, watched beside the load."""

import asyncio
import os
import subprocess
import sys
import time

import numpy as np
import pytest

from dynogate.errors import ConfigurationError
from dynogate.load.observe import Observer, parse_metrics
from dynogate.load.targets import target
from tests.load import servers
from tests.load.servers import Reader, Served, Writer

METRICS = """\
# HELP process_resident_memory_bytes Resident memory size in bytes.
process_resident_memory_bytes 1.5e+07
process_cpu_seconds_total {cpu}
process_open_fds 12.0
dynogate_event_loop_lag_seconds_bucket{{le="0.1"}} 7
dynogate_event_loop_lag_seconds_sum{{worker="1"}} {lag}
dynogate_event_loop_lag_seconds_sum{{worker="2"}} {lag}
dynogate_event_loop_lag_seconds_count{{worker="1"}} {count}
unrelated_total nonsense
"""


def test_an_exposition_is_read() -> None:
    """Only what is the process's own, summed over its labels."""
    told = parse_metrics(METRICS.format(cpu=1.5, lag=0.25, count=10))
    assert told == {
        "rss": 1.5e7,
        "cpu": 1.5,
        "descriptors": 12.0,
        "lag_sum": 0.5,
        "lag_count": 10.0,
    }
    workers = 'dynogate_worker_open_files{worker="1"} 7\ndynogate_worker_open_files{worker="2"} 8'
    assert parse_metrics(workers) == {"descriptors": 15.0}
    assert parse_metrics("process_open_fds many\n<html>") == {}


async def until_seen(observer: Observer, looks: int) -> float:
    """Watch until there are so many looks; when that began."""
    start = time.perf_counter()
    async with observer:
        while observer.timeline(start).at.size < looks:
            await asyncio.sleep(0.05)
    return start


async def test_a_process_and_its_children(server: Served, monkeypatch: pytest.MonkeyPatch) -> None:
    """Memory, CPU and descriptors of all of them."""
    monkeypatch.setattr("dynogate.load.observe.INTERVAL", 0.1)
    with subprocess.Popen([sys.executable, "-c", "input()"], stdin=subprocess.PIPE):
        observer = Observer(target(server.url), os.getpid())
        seen = observer.timeline(await until_seen(observer, 3))
    assert seen.rss.min() > 1e7
    assert seen.descriptors.min() > 3
    assert (seen.cpu[1:] >= 0).all()
    assert np.isnan(seen.lag).all()
    assert seen.source == f"process {os.getpid()} and its children"


async def test_the_servers_own_metrics(monkeypatch: pytest.MonkeyPatch) -> None:
    """Counters become rates: cores in use, and the mean lag since the look before."""
    monkeypatch.setattr("dynogate.load.observe.INTERVAL", 0.1)
    asked = 0

    async def metrics(body: bytes, _: Reader, writer: Writer) -> None:
        nonlocal asked
        asked += 1
        text = METRICS.format(cpu=asked * 0.05, lag=asked * 0.01, count=asked * 10)
        servers.respond(writer, text.encode(), kind="text/plain")

    with servers.raw(metrics) as url:
        observer = Observer(target(url))
        seen = observer.timeline(await until_seen(observer, 3))
    assert seen.rss.tolist()[0] == 1.5e7
    assert seen.lag[-1] == pytest.approx(0.002)
    assert 0 < seen.cpu[-1] < 1
    assert seen.source == f"{url}/metrics"


async def test_a_server_without_metrics(monkeypatch: pytest.MonkeyPatch) -> None:
    """Is asked once, and there is nothing to tell."""
    monkeypatch.setattr("dynogate.load.observe.INTERVAL", 0.05)
    asked = 0

    async def none(body: bytes, reader: Reader, writer: Writer) -> None:
        nonlocal asked
        asked += 1
        await servers.not_found(body, reader, writer)

    with servers.raw(none) as url:
        observer = Observer(target(url))
        seen = observer.timeline(await until_seen(observer, 3))
    assert asked == 1
    assert seen.source == ""
    assert np.isnan(seen.rss).all()


async def test_a_process_that_ends(monkeypatch: pytest.MonkeyPatch) -> None:
    """Is unknown from then on, and so is a server that is gone."""
    monkeypatch.setattr("dynogate.load.observe.INTERVAL", 0.05)
    with subprocess.Popen([sys.executable, "-c", "input()"], stdin=subprocess.PIPE) as process:
        observer = Observer(target("http://127.0.0.1:9"), process.pid)
        process.communicate()
        seen = observer.timeline(await until_seen(observer, 2))
    assert np.isnan(seen.rss).all()


def test_a_process_that_is_not_there() -> None:
    """Is told before the run."""
    with pytest.raises(ConfigurationError, match="cannot be watched"):
        Observer(target("http://127.0.0.1:9"), 2**22 + 1)
