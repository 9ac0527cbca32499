"""What the gateway adds to a profile, against Scalene run by hand on the same script.

``python -m benchmarks.overhead``: ``profile_script`` over HTTP and ``python -m scalene run`` take
turns; the medians are compared. Exit status 1 where the gateway costs more than 5 % or 100 ms
(whichever is more) on any of the scripts.
"""

import subprocess
import sys
import time
from collections.abc import Callable
from functools import partial
from pathlib import Path
from statistics import median
from tempfile import TemporaryDirectory

from benchmarks._cli import run
from benchmarks._gateway import client
from benchmarks._report import Bar, Report
from benchmarks.ground_truth.corpus import load
from dynogate.client import GatewayClient

SHARE_LIMIT, LIMIT_SEC = 0.05, 0.1
SCRIPTS = ("cpu_nested_loops", "cpu_numpy_elementwise", "cpu_threads_one_hot", "leak_list_20")


def _timed(action: Callable[[], object]) -> float:
    start = time.perf_counter()
    action()
    return time.perf_counter() - start


def _by_hand(script: Path) -> None:
    out = script.with_suffix(".json")
    subprocess.run(
        [sys.executable, "-m", "scalene", "run", "--stacks", "-o", str(out), str(script)],
        cwd=script.parent,
        capture_output=True,
        check=True,
    )


def _by_gateway(gateway: GatewayClient, script: Path) -> None:
    gateway.call("profile_script", {"script_path": str(script)})


def main(*, rounds: int = 7, url: str | None = None, json: bool = False) -> int:
    """Run the benchmark.

    Parameters
    ----------
    rounds: How often each of the two runs each script.
    url: A running gateway; default: one of its own.
    json: Print JSON.
    """
    rows, bars = [], []
    with TemporaryDirectory(prefix="dynogate-overhead-") as name:
        folder = Path(name).resolve()
        with client(url, [folder]) as gateway:
            for which in SCRIPTS:
                script = load(which)[0].lay_out(folder / which)
                hand, ours = [], []
                for _ in range(rounds):
                    hand.append(_timed(partial(_by_hand, script)))
                    ours.append(_timed(partial(_by_gateway, gateway, script)))
                row, bar = _judge(which, median(hand), median(ours))
                rows.append(row)
                bars.append(bar)
    report = Report(
        title=f"profile_script over HTTP against Scalene by hand, medians of {rounds}",
        columns=("script", "by hand s", "gateway s", "ratio", "difference ms"),
        rows=rows,
        bars=bars,
    )
    return report.finish(as_json=json)


def _judge(which: str, hand: float, ours: float) -> tuple[tuple[str, ...], Bar]:
    extra = ours - hand
    row = (which, f"{hand:.3f}", f"{ours:.3f}", f"{ours / hand:.3f}", f"{extra * 1000:+.0f}")
    limit = max(SHARE_LIMIT * hand, LIMIT_SEC)
    return row, Bar.at_most(f"{which}: gateway above by hand, s", extra, round(limit, 3))


if __name__ == "__main__":
    run(main)
