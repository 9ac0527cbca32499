"""The knee that the search reports, for servers whose capacity is known.

``python -m benchmarks.breaking_point``: ten servers, each k workers with a service time of known
mean that scatters, behind a queue: without a bound, or one that sheds what it cannot hold with 503;
from call to call and from step to step the machine is a little faster or slower. Calls arrive
evenly. The true knee is k over the mean service time. Exit status 1 where fewer than 9 of 10
intervals hold it, or they are wide; ``--repeat`` for rates over many runs. Time is simulated;
with ``--real`` the servers are processes, and the load harness itself makes the load (a quarter of
an hour).
"""

import asyncio
import heapq
import math
from dataclasses import dataclass

import numpy as np

from benchmarks._cli import run
from benchmarks._report import Bar, Report
from benchmarks.queue_server import running
from dynogate.load.breaking_point import BreakingPoint, Search, find_breaking_point
from dynogate.load.calls import Call
from dynogate.load.experiments import find_edge
from dynogate.load.harness import Harness
from dynogate.load.samples import Outcome, Samples
from dynogate.load.steps import Rule, Step
from dynogate.load.targets import target

STEP_SEC = 10.0
REAL_STEP_SEC = 5.0
TIMEOUT_SEC = 10.0


@dataclass(frozen=True, slots=True)
class Server:
    """A server of known capacity.

    Attributes:
        workers: calls it serves at once.
        service: mean service time in seconds.
        scatter: standard deviation of one service time, as a share of the mean.
        unsteady: standard deviation of the machine's speed from one step to the next, as a share.
        queue: calls that may wait before it sheds; None for no bound.
    """

    workers: int
    service: float
    scatter: float
    unsteady: float = 0.01
    queue: int | None = None

    @property
    def capacity(self) -> float:
        """Calls a second that it can serve at most: the true knee."""
        return self.workers / self.service

    def serve(self, rate: float, generator: np.random.Generator) -> Samples:
        """Even arrivals for ``STEP_SEC``, first come, first served."""
        intended = np.arange(0, STEP_SEC, 1 / rate)
        shape = math.sqrt(math.log1p(self.scatter**2))
        speed = max(0.5, generator.normal(1, self.unsteady))
        services = self.service * speed * generator.lognormal(-(shape**2) / 2, shape, intended.size)
        finished, outcome = np.empty_like(intended), np.zeros(intended.size, np.uint8)
        free, waiting = [0.0] * self.workers, list[float]()
        for i, (at, service) in enumerate(zip(intended.tolist(), services.tolist(), strict=True)):
            while waiting and waiting[0] <= at:
                heapq.heappop(waiting)
            start = max(at, free[0])
            if start > at and self.queue is not None and len(waiting) >= self.queue:
                finished[i], outcome[i] = at + 0.001, Outcome.SHED
                continue
            heapq.heapreplace(free, start + service)
            heapq.heappush(waiting, start)
            finished[i] = start + service
            if start + service - at > TIMEOUT_SEC:
                finished[i], outcome[i] = at + TIMEOUT_SEC, Outcome.TIMEOUT
        return Samples(intended, intended, finished, outcome, STEP_SEC)


SERVERS = (
    Server(1, 0.050, 0.1),
    Server(1, 0.005, 0.5),
    Server(2, 0.020, 0.2),
    Server(4, 0.010, 0.3),
    Server(4, 0.100, 0.2, queue=40),
    Server(8, 0.050, 0.1),
    Server(8, 0.020, 1.0, queue=100),
    Server(16, 0.040, 0.3),
    Server(3, 0.0689, 0.2),
    Server(32, 0.100, 0.2, unsteady=0.03),
)


async def search(server: Server, seed: int) -> BreakingPoint:
    """Look for the knee of ``server``."""
    generator = np.random.default_rng(seed)

    async def measure(load: float) -> Step:
        return Step.of(server.serve(load, generator), load)

    return await find_breaking_point(measure, Rule(), Search())


async def search_really(server: Server) -> BreakingPoint:
    """Look for the knee of ``server`` as the command does, over HTTP."""
    shape = server.workers, server.service, server.scatter, server.queue
    with running(*shape) as served:
        to = target(served.url, "rpc", timeout=TIMEOUT_SEC)
        async with Harness(to, (Call("work", {}),)) as harness:
            found = await find_edge(
                harness, Search(), Rule(), step_duration=REAL_STEP_SEC, measure_recovery=False
            )
    assert found.breaking_point is not None
    return found.breaking_point


def _row(server: Server, found: BreakingPoint) -> tuple[str, ...]:
    kind = "no bound" if server.queue is None else f"sheds over {server.queue}"
    shape = f"{server.workers} x {server.service * 1000:g} ms, {kind}"
    interval = f"{found.low or math.nan:.1f} to {found.high or math.nan:.1f}"
    inside = "yes" if holds(found, server) else "NO"
    steps = str(len(found.steps))
    knee = f"{found.knee or math.nan:.1f}"
    return shape, f"{server.capacity:.1f}", knee, interval, inside, steps, found.broken_by or ""


def holds(found: BreakingPoint, server: Server) -> bool:
    """Whether the reported interval holds the truth."""
    if found.low is None or found.high is None:
        return False
    return found.low <= server.capacity <= found.high


def _width(found: BreakingPoint, server: Server) -> float:
    if found.low is None or found.high is None:
        return math.inf
    return (found.high - found.low) / server.capacity


def main(*, real: bool = False, repeat: int = 1, seed: int = 0, json: bool = False) -> int:
    """Run the benchmark.

    Parameters
    ----------
    real: Real servers, real time.
    repeat: How many times each server is searched.
    seed: Where the servers' chances start.
    json: Print JSON.
    """
    servers = [server for server in SERVERS for _ in range(repeat)]
    found = [
        asyncio.run(search_really(server) if real else search(server, seed + number))
        for number, server in enumerate(servers)
    ]
    pairs = list(zip(found, servers, strict=True))
    inside = sum(holds(*pair) for pair in pairs)
    kind = "real" if real else "simulated"
    median, wide = np.percentile([_width(*pair) for pair in pairs], [50, 95]).tolist()
    report = Report(
        title=f"Breaking points of servers of known capacity ({kind} time)",
        columns=("server", "true knee", "found", "95 % interval", "inside", "steps", "broken by"),
        rows=[_row(server, each) for each, server in pairs[::repeat]],
        bars=[
            Bar.at_least(f"true knee inside, of {len(pairs)}", inside, 0.9 * len(pairs)),
            Bar.at_most("median width of the interval, share of the knee", median, 0.2),
            Bar.at_most("95th percentile of it", wide, 0.3),
        ],
    )
    return report.finish(as_json=json)


if __name__ == "__main__":
    run(main)
