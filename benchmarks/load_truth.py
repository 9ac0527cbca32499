"""Latency of a server that is frozen 1 s in every 5: ``performance_test.py`` against the truth.

``python -m benchmarks.load_truth``: 100 calls a second for 30 s, which is six whole cycles. A call
that comes during the freeze waits for its end, so that the truth is arithmetic: a fifth of the
calls wait between 0 and 1 s, p95 is 750 ms and p99 is 950 ms. One closed-loop user is shown beside
it: it makes one call in each freeze, and so hides it. Exit status 1 where a percentile of the open
loop is more than 10 % off.
"""

import json
import subprocess
import sys
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

from benchmarks._cli import run
from benchmarks._report import Bar, Report
from tests.load.servers import good

EVERY, FROZEN = 5.0, 1.0
RATE = 100
TOLERANCE = 0.1
SCRIPT = Path(__file__).resolve().parents[1] / "scripts" / "performance_test.py"


def truth(quantile: float) -> float:
    """The response time in seconds that this share of the calls stays within."""
    share = FROZEN / EVERY
    return max(quantile - (1 - share), 0.0) / share * FROZEN


def measure(url: str, seconds: float, *load: str) -> dict[str, Any]:
    """The report of one run of the command."""
    with TemporaryDirectory() as folder:
        path = Path(folder) / "report.json"
        command = [sys.executable, str(SCRIPT), "concurrent", "--url", url, *load]
        command += ["--duration", str(seconds), "--json", str(path), "--quiet"]
        subprocess.run(command, check=False)
        report: dict[str, Any] = json.loads(path.read_text())
        return report


def main(*, seconds: float = 30.0, json: bool = False) -> int:
    """Measure and compare.

    Parameters
    ----------
    seconds: Of each run; whole cycles of 5 s.
    json: Print JSON.
    """
    with good(FREEZE=f"{EVERY},{FROZEN}") as server:
        opened = measure(server.url, seconds, "--rate", str(RATE))
        closed = measure(server.url, seconds, "--concurrency", "1")
    rows, bars = [], []
    for name, quantile in (("p95", 0.95), ("p99", 0.99)):
        expected = truth(quantile)
        found = opened["response_time"][name]
        rows.append(
            [name, *(f"{s * 1e3:.1f}" for s in (expected, found, closed["response_time"][name]))]
        )
        off = abs(found / expected - 1) * 100
        bars.append(Bar.at_most(f"open loop's {name}, % off the truth", off, TOLERANCE * 100))
    certificate = opened["certificate"]
    bars.append(Bar.at_most("late sends, p99 in ms", certificate["late_p99"] * 1e3, 75.0))
    columns = ("ms", "truth", "open loop", "one closed-loop user")
    title = f"{RATE} calls/s to a server frozen {FROZEN:g} s in every {EVERY:g} s"
    return Report(title, columns, rows, bars).finish(as_json=json)


if __name__ == "__main__":
    run(main)
