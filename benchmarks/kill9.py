"""``kill -9`` of the gateway while it stores profiles; then everything acknowledged must be there.

``python -m benchmarks.kill9``: fifty calls of ``profile_script`` are under way; when half of them
have been answered the gateway is killed, its profiled programs must die with it, and after a
restart on the same data directory every answered profile must open. Exit status 1 where one does
not, or a process is left.
"""

import threading
import time
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from tempfile import TemporaryDirectory

import psutil

from benchmarks._cli import run
from benchmarks._gateway import GatewayProcess
from benchmarks._report import Bar, Report
from dynogate.client import GatewayClient
from dynogate.errors import DynogateError

SCRIPT = """
import sys
total = 0
for i in range(1_500_000):
    total += i % 7
print(total)
"""
CLIENTS = 10
GONE_LIMIT_SEC = 10.0


class _Acknowledged:
    """Ids of the profiles that were answered, and a signal when there are enough."""

    def __init__(self, enough: int) -> None:
        self.ids: list[str] = []
        self.enough = threading.Event()
        self._number = enough

    def add(self, profile_id: str) -> None:
        self.ids.append(profile_id)
        if len(self.ids) >= self._number:
            self.enough.set()


def _store_one(url: str, script: Path, acknowledged: _Acknowledged) -> None:
    try:
        with GatewayClient(url) as client:
            run = client.call("profile_script", {"script_path": str(script), "cpu_only": True})
        acknowledged.add(run.structured_content["profile_id"])
    except DynogateError:
        return  # the kill: a call that was not answered has nothing to promise


def _still_there(children: Sequence[psutil.Process]) -> int:
    """How many of the processes are left after a while."""
    _, alive = psutil.wait_procs(children, timeout=GONE_LIMIT_SEC)
    return len(alive)


def _unopened(url: str, ids: Sequence[str]) -> list[str]:
    """Why profiles do not open."""
    problems = []
    with GatewayClient(url) as client:
        for profile_id in ids:
            try:
                client.call("get_profile", {"profile_id": profile_id, "format": "full"})
                client.call("get_profile", {"profile_id": profile_id, "format": "raw"})
                client.call("get_cpu_hotspots", {"profile_id": profile_id})
            except DynogateError as error:
                problems.append(f"{profile_id}: {error.message}")
    return problems


def main(*, stores: int = 50, kill_after: int = 25, json: bool = False) -> int:
    """Run the benchmark.

    Parameters
    ----------
    stores: How many profiles are asked for.
    kill_after: The kill comes when this many have been answered.
    json: Print JSON.
    """
    acknowledged = _Acknowledged(kill_after)
    with TemporaryDirectory(prefix="dynogate-kill-") as name:
        folder = Path(name).resolve()
        script = folder / "work.py"
        script.write_text(SCRIPT)
        process = GatewayProcess(folder, [folder])
        process.start()
        with ThreadPoolExecutor(CLIENTS) as pool:
            for _ in range(stores):
                pool.submit(_store_one, process.url, script, acknowledged)
            acknowledged.enough.wait(600)
            children = psutil.Process(process.pid).children(recursive=True)
            process.kill()
        left = _still_there(children)
        start = time.perf_counter()
        process.start()
        restarted = time.perf_counter() - start
        try:
            problems = _unopened(process.url, acknowledged.ids)
        finally:
            process.stop()
    report = Report(
        title=f"kill -9 during {stores} stores",
        columns=("what", "measured"),
        rows=[
            ("acknowledged before the kill", str(len(acknowledged.ids))),
            ("processes of jobs at the kill", str(len(children))),
            ("ready again after", f"{restarted:.2f} s"),
            *(("lost", problem) for problem in problems),
        ],
        bars=[
            Bar.at_least("profiles acknowledged", float(len(acknowledged.ids)), kill_after),
            Bar.at_most("acknowledged profiles that do not open", float(len(problems)), 0),
            Bar.at_most("processes left by the kill", float(left), 0),
        ],
    )
    return report.finish(as_json=json)


if __name__ == "__main__":
    run(main)
