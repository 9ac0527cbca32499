"""Twenty profiles at once: all finish, and the gateway goes on answering.

``python -m benchmarks.concurrency``: twenty clients call ``profile_script`` at the same moment
while another process asks for /health every 20 ms. Exit status 1 where a profile fails or the
99th percentile of /health is 50 ms or more.
"""

import http.client
import multiprocessing
import time
from concurrent.futures import ThreadPoolExecutor
from multiprocessing.connection import Connection
from pathlib import Path
from statistics import median
from tempfile import TemporaryDirectory
from urllib.parse import urlsplit

from benchmarks._cli import run
from benchmarks._gateway import gateway
from benchmarks._report import Bar, Report, quantile
from benchmarks.ground_truth.corpus import load
from dynogate.client import GatewayClient
from dynogate.errors import DynogateError

HEALTH_LIMIT_MS = 50.0
PAUSE_SEC = 0.02
SCRIPTS = ("cpu_nested_loops", "cpu_asyncio_blocking", "leak_list_20", "clean_numpy_temporaries")


def _watch(url: str, pipe: Connection) -> None:
    """Ask for /health over one kept connection until told to stop; send back the milliseconds."""
    connection = http.client.HTTPConnection(urlsplit(url).netloc, timeout=30)
    took = []
    while not pipe.poll():
        start = time.perf_counter()
        connection.request("GET", "/health")
        answer = connection.getresponse()
        answer.read()
        if answer.status == 200:
            took.append((time.perf_counter() - start) * 1000)
        time.sleep(PAUSE_SEC)
    pipe.send(took)


def _profile(url: str, script: Path) -> str | None:
    """Why the profile failed; None where it did not."""
    try:
        with GatewayClient(url) as client:
            client.call("profile_script", {"script_path": str(script)})
    except DynogateError as error:
        return error.message
    return None


def main(*, profiles: int = 20, json: bool = False) -> int:
    """Run the benchmark.

    Parameters
    ----------
    profiles: How many at once.
    json: Print JSON.
    """
    with TemporaryDirectory(prefix="dynogate-many-") as name:
        folder = Path(name).resolve()
        scripts = [
            load(SCRIPTS[number % len(SCRIPTS)])[0].lay_out(folder / str(number))
            for number in range(profiles)
        ]
        with gateway([folder]) as process:
            ours, theirs = multiprocessing.Pipe()
            watcher = multiprocessing.Process(target=_watch, args=(process.url, theirs))
            watcher.start()
            start = time.perf_counter()
            with ThreadPoolExecutor(profiles) as pool:
                problems = list(pool.map(lambda script: _profile(process.url, script), scripts))
            elapsed = time.perf_counter() - start
            ours.send("stop")
            health: list[float] = ours.recv()
            watcher.join()
    failed = [problem for problem in problems if problem is not None]
    report = Report(
        title=f"{profiles} profiles at once",
        columns=("what", "measured"),
        rows=[
            ("all finished after", f"{elapsed:.1f} s"),
            ("/health asked", f"{len(health)} times"),
            ("/health p50", f"{median(health):.2f} ms"),
            ("/health p99", f"{quantile(health, 0.99):.2f} ms"),
            ("/health at worst", f"{max(health):.2f} ms"),
            *(("failed", problem) for problem in failed),
        ],
        bars=[
            Bar.at_most("profiles that failed", float(len(failed)), 0),
            Bar.at_most("/health p99, ms", quantile(health, 0.99), HEALTH_LIMIT_MS),
        ],
    )
    return report.finish(as_json=json)


if __name__ == "__main__":
    run(main)
