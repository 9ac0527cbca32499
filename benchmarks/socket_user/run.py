"""Round trips a second of Locust's WebSocketMCPUser on one core.

``python -m benchmarks.socket_user``: Locust runs ``loadtests/locustfile.py`` on one core, with
users that do not think; the gateway, with a tool that does nothing, runs on the other. Exit status
1 where fewer than 4,000 round trips come back a second, by the CPU time that the client used or by
the clock, or one fails.
"""

import json as json_text
import os
import subprocess
import sys
from pathlib import Path
from statistics import median
from tempfile import TemporaryDirectory

from benchmarks._report import Bar, Report
from benchmarks.gateway.servers import Running, Server

LEAST = 4000
USERS = 16
_ROOT = Path(__file__).resolve().parents[2]
_FILES = "loadtests/locustfile.py,benchmarks/socket_user/hurry.py"
_GATEWAY = Server(
    ("-m", "dynogate", "serve"),
    env={
        "DYNOGATE_TOOLSETS": "benchmarks.socket_user.toolset:toolset",
        "DYNOGATE_RATE_LIMIT": "off",
        "DYNOGATE_LOG_LEVEL": "warning",
    },
)

Figures = dict[str, float]


def main(*, rounds: int = 5, seconds: float = 4.0, json: bool = False) -> int:
    """Measure.

    Parameters
    ----------
    rounds: How often Locust is run.
    seconds: What is measured of each run.
    json: Print JSON.
    """
    cores = sorted(os.sched_getaffinity(0))
    with TemporaryDirectory(prefix="dynogate-bench-") as name:
        server = Running(_GATEWAY, Path(name) / "gateway", core=cores[0])
        try:
            found = [
                measure(server.url, Path(name), seconds, core=cores[-1]) for _ in range(rounds)
            ]
        finally:
            server.stop()
    per_core = median(each["round_trips"] / each["cpu_seconds"] for each in found)
    by_clock = median(each["round_trips"] / each["seconds"] for each in found)
    bars = [
        Bar.at_least("round trips a client CPU second, median", per_core, LEAST),
        Bar.at_least("round trips a second, median", by_clock, LEAST),
        Bar.at_most("failures", sum(each["failures"] for each in found), 0),
    ]
    title = f"{USERS} WebSocketMCPUsers on one core, 4 calls at a time each"
    columns = ("run", "round trips", "a second", "a client CPU second")
    rows = [_row(number, each) for number, each in enumerate(found, start=1)]
    return Report(title, columns, rows, bars).finish(as_json=json)


def measure(url: str, folder: Path, seconds: float, *, core: int) -> Figures:
    """One run of Locust against the server at ``url``.

    Raises:
        RuntimeError: it measured nothing; with what it said.
    """
    report = folder / "report.json"
    report.unlink(missing_ok=True)
    command = [sys.executable, "-m", "locust", "-f", _FILES, "--headless", "--host", url]
    command += ["-u", str(USERS), "-r", str(USERS), "--only-summary", "WebSocketMCPUser"]
    env = {key: value for key, value in os.environ.items() if not key.startswith("LOCUST_")}
    env |= {"HURRY_REPORT": str(report), "HURRY_SECONDS": str(seconds), "PYTHONPATH": str(_ROOT)}
    process = subprocess.Popen(
        command, cwd=_ROOT, env=env, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True
    )
    os.sched_setaffinity(process.pid, {core})
    said, _ = process.communicate(timeout=60 + seconds)
    if not report.exists():
        raise RuntimeError(f"locust measured nothing:\n{said[-4000:]}")
    figures: Figures = json_text.loads(report.read_text())
    return figures


def _row(number: int, each: Figures) -> tuple[str, ...]:
    trips = each["round_trips"]
    rates = (trips / each["seconds"], trips / each["cpu_seconds"])
    return (str(number), f"{trips:,.0f}", *(f"{rate:,.0f}" for rate in rates))
