"""The load generator's engines beside wrk and plain aiohttp: requests per client-CPU-second.

``python -m benchmarks.load_generator``: 32 keep-alive connections in a closed loop to one uvicorn
process that answers JSON-RPC, all four in turn and several rounds, so that the machine's moods meet
all of them alike. wrk and plain aiohttp only read the answer; the engines judge it. Then the
command is asked for a rate beyond it. Exit status 1 where the fast engine makes less than 80 % of
wrk's requests per CPU second, the aiohttp engine less than 90 % of plain aiohttp's, or the rate
beyond is not called INVALID.
"""

import asyncio
import resource
import shutil
import statistics
import subprocess
import sys
from collections.abc import Callable
from tempfile import NamedTemporaryFile
from time import perf_counter, thread_time

import aiohttp
import numpy as np
import uvloop

from benchmarks._cli import run
from benchmarks._report import Bar, Report
from benchmarks.load_truth import SCRIPT
from dynogate.load.calls import FIRST_ID, Call, prepare
from dynogate.load.generator import EngineName, Generator, Order
from dynogate.load.targets import Target, target
from tests.load.servers import good

CONNECTIONS = 32
CALL = Call("list_databases")
BEYOND = 300_000
INVALID = 3


def of_engine(name: EngineName, to: Target, seconds: float) -> float:
    """Requests per CPU second of one of our engines."""

    async def measure() -> float:
        generator = Generator(Order(to, (CALL,), name, seconds, users=CONNECTIONS), np.zeros(0))
        await generator.open()
        take = await generator.run()
        if take.samples.success_rate != 1.0:
            raise RuntimeError(f"{name}: {take.samples.counts} {take.complaints}")
        return len(take.samples) / (take.cpu_share * take.samples.duration)

    return uvloop.run(measure())


def of_plain_aiohttp(to: Target, seconds: float) -> float:
    """Requests per CPU second of aiohttp as its documentation shows it, on uvloop."""
    request = prepare(CALL, to.transport, to.era)
    body = request.body(FIRST_ID)

    async def user(session: aiohttp.ClientSession, until: float) -> int:
        made = 0
        while perf_counter() < until:
            async with session.post(to.url, data=body, headers=request.headers) as response:
                await response.read()
            made += 1
        return made

    async def measure() -> float:
        connector = aiohttp.TCPConnector(limit=CONNECTIONS)
        async with aiohttp.ClientSession(connector=connector) as session:
            before, until = thread_time(), perf_counter() + seconds
            made = await asyncio.gather(*(user(session, until) for _ in range(CONNECTIONS)))
            return sum(made) / (thread_time() - before)

    return uvloop.run(measure())


def of_wrk(to: Target, seconds: float) -> float:
    """Requests per CPU second of wrk with one thread."""
    request = prepare(CALL, to.transport, to.era)
    headers = "".join(f"wrk.headers['{k}'] = '{v}'\n" for k, v in request.headers.items())
    body = request.body(FIRST_ID).decode()
    with NamedTemporaryFile("w", suffix=".lua") as script:
        script.write(f"wrk.method = 'POST'\nwrk.body = '{body}'\n{headers}")
        script.flush()
        before = resource.getrusage(resource.RUSAGE_CHILDREN)
        command = ["wrk", "-t1", f"-c{CONNECTIONS}", f"-d{seconds:.0f}", "-s", script.name, to.url]
        said = subprocess.run(command, check=True, capture_output=True, text=True).stdout
        after = resource.getrusage(resource.RUSAGE_CHILDREN)
    made = next(int(line.split()[0]) for line in said.splitlines() if "requests in" in line)
    return made / (after.ru_utime + after.ru_stime - before.ru_utime - before.ru_stime)


def asked_for_too_much(url: str) -> int:
    """The command's exit status where it is asked for a rate that no generator here can make."""
    command = [sys.executable, str(SCRIPT), "concurrent", "--url", url, "--rate", str(BEYOND)]
    return subprocess.run([*command, "--duration", "1", "--timeout", "3", "--quiet"]).returncode


def main(*, rounds: int = 15, seconds: float = 1.0, json: bool = False) -> int:
    """Measure all of them in turn.

    Parameters
    ----------
    rounds: How often each has its turn.
    seconds: Of each turn; whole ones.
    json: Print JSON.
    """
    if shutil.which("wrk") is None:
        sys.stderr.write("wrk is not installed: apt-get install wrk\n")
        return 2
    ways: dict[str, Callable[[Target, float], float]] = {
        "wrk": of_wrk,
        "fast engine": lambda to, s: of_engine("fast", to, s),
        "plain aiohttp": of_plain_aiohttp,
        "aiohttp engine": lambda to, s: of_engine("aiohttp", to, s),
    }
    made: dict[str, list[float]] = {name: [] for name in ways}
    with good() as server:
        to = target(server.url, "rpc")
        for _ in range(rounds):
            for name, way in ways.items():
                made[name].append(way(to, seconds))
        status = asked_for_too_much(server.url)
    bars = [
        Bar.at_least(f"{ours}, % of {theirs}", _ratio(made[ours], made[theirs]) * 100, limit)
        for ours, theirs, limit in (
            ("fast engine", "wrk", 80.0),
            ("aiohttp engine", "plain aiohttp", 90.0),
        )
    ]
    what = f"exit status when asked for {BEYOND} calls/s ({INVALID}: INVALID)"
    bars.append(Bar(what, status, f"is {INVALID}", status == INVALID))
    rows = [
        [name, *(f"{figure:,.0f}" for figure in (statistics.median(each), min(each), max(each)))]
        for name, each in made.items()
    ]
    columns = ("requests per client-CPU-second", "median", "least", "most")
    title = f"{CONNECTIONS} connections to one uvicorn process"
    return Report(title, columns, rows, bars).finish(as_json=json)


def _ratio(ours: list[float], theirs: list[float]) -> float:
    """The median over the rounds: the two of one round met the same machine."""
    return statistics.median(mine / other for mine, other in zip(ours, theirs, strict=True))


if __name__ == "__main__":
    run(main)
