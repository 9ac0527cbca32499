"""Leaks of 10 KB/s found in ten-minute soaks, and alarms in healthy ones; time is simulated.

``python -m benchmarks.leak_detection``: the memory of a server is made up, second by second, out of
what real ones show: pools that fill in the first minute, a garbage collector's saw-tooth of any
period up to a minute, arenas taken and given back, noise, whole pages. Half the runs leak. The
verdicts are those of ``dynogate.load.drift``. Exit status 1 where a leak is missed or a healthy run
alarms; with ``--repeat`` the same as rates over many runs. With ``--real`` it is one run of a real
server under a real load, for ten minutes; ``--real --leak-kb 0`` is the healthy one.
"""

import asyncio
from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

from benchmarks._cli import run
from benchmarks._report import Bar, Report
from benchmarks.queue_server import running
from dynogate.load.calls import Call
from dynogate.load.drift import RSS, Drift, find_drift
from dynogate.load.experiments import drifts_of
from dynogate.load.harness import Harness, Options
from dynogate.load.schedules import constant
from dynogate.load.targets import target
from dynogate.load.units import KB

MB = 1024 * KB
PAGE = 4 * KB
LEAKING, HEALTHY = 10, 20
SECONDS, RATE = 600, 50


def server_memory(
    generator: np.random.Generator, *, leak: float, seconds: int = SECONDS
) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    """Times, and the resident memory of a server in bytes, one reading a second.

    Args:
        generator: where its chances come from.
        leak: what it loses, in bytes a second.
        seconds: how long it runs.
    """
    time = np.arange(seconds, dtype=float)
    memory = 120 * MB + leak * time
    memory += generator.uniform(5, 30) * MB * (1 - np.exp(-time / generator.uniform(5, 40)))
    period, height = generator.uniform(4, 60), generator.uniform(1, 8) * MB
    memory += height * ((time / period + generator.random()) % 1)
    for start in generator.uniform(-120, seconds, generator.poisson(seconds / 15)):
        held = (time >= start) & (time < start + generator.exponential(20))
        memory += np.where(held, generator.uniform(0.25, 1) * MB, 0)
    memory += generator.normal(0, 0.3 * MB, seconds)
    return time, np.round(memory / PAGE) * PAGE


def judge(seeds: Sequence[int], *, leak: float) -> list[Drift]:
    """The verdict on one run for each seed."""
    return [
        find_drift(*server_memory(np.random.default_rng(seed), leak=leak), RSS) for seed in seeds
    ]


async def soak(leak: int, seconds: float) -> tuple[Drift, ...]:
    """Load a real server that loses ``leak`` bytes a second, and judge what grew."""
    with running(4, 0.010, 0.2, leak=leak) as served:
        options = Options(pid=served.pid)
        async with Harness(target(served.url, "rpc"), (Call("work", {}),), options) as harness:
            return drifts_of(await harness.open_loop(constant(RATE, seconds), seconds))


def main(
    *,
    leak_kb: float = 10.0,
    real: bool = False,
    repeat: int = 1,
    seed: int = 0,
    json: bool = False,
) -> int:
    """Run the benchmark.

    Parameters
    ----------
    leak_kb: What a leaking server loses, in KB/s.
    real: One real run instead.
    repeat: How many times as many runs, for rates rather than verdicts.
    seed: Where the runs' chances start.
    json: Print JSON.
    """
    if real:
        return _real(leak_kb, as_json=json)
    leaking, healthy = LEAKING * repeat, HEALTHY * repeat
    runs = [
        *judge(range(seed, seed + leaking), leak=leak_kb * KB),
        *judge(range(seed + leaking, seed + leaking + healthy), leak=0.0),
    ]
    found = sum(drift.verdict == "growing" for drift in runs[:leaking])
    alarms = sum(drift.verdict == "growing" for drift in runs[leaking:])
    covered = sum(
        drift.low is not None and drift.high is not None and drift.low <= truth <= drift.high
        for drift, truth in zip(runs, [leak_kb * KB] * leaking + [0.0] * healthy, strict=True)
    )
    few = repeat == 1
    report = Report(
        title=f"Leaks of {leak_kb:g} KB/s in soaks of ten minutes (simulated time)",
        columns=("run", "truth", "verdict"),
        rows=[
            (str(number), f"{leak_kb:g} KB/s" if number < leaking else "healthy", drift.text)
            for number, drift in enumerate(runs)
        ][: leaking + healthy if few else 0],
        bars=[
            Bar.at_least(f"leaks found of {leaking}", found, leaking if few else 0.97 * leaking),
            Bar.at_most(
                f"alarms in {healthy} healthy", alarms, 0.02 * healthy if repeat > 1 else 0
            ),
            Bar.at_least(f"truth inside the interval of {len(runs)}", covered, 0.9 * len(runs)),
        ],
    )
    return report.finish(as_json=json)


def _real(leak_kb: float, *, as_json: bool) -> int:
    memory, *others = asyncio.run(soak(round(leak_kb * KB), SECONDS))
    growing = float(memory.verdict == "growing")
    report = Report(
        title=f"A real server that loses {leak_kb:g} KB/s, at {RATE} calls/s for ten minutes",
        columns=("quantity", "verdict"),
        rows=[(each.quantity.name, each.text) for each in (memory, *others)],
        bars=[
            Bar.at_least("leak found", growing, 1)
            if leak_kb
            else Bar.at_most("alarm without a leak", growing, 0)
        ],
    )
    return report.finish(as_json=as_json)


if __name__ == "__main__":
    run(main)
