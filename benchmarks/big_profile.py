"""A real profile of about 9 MB: how fast it is analysed, how fast asked again, how small stored.

``python -m benchmarks.big_profile``: Scalene profiles ``big_program.py`` with ``--profile-all``, a
gateway's store keeps the result several times under different ids, and each of them is analysed
for the first time over HTTP. Exit status 1 where the first analysis takes 300 ms or more, the
median of ``get_cpu_hotspots`` 5 ms or more, or the stored size is over a fifth of the raw JSON.
"""

import subprocess
import sys
import time
from contextlib import closing
from dataclasses import dataclass
from pathlib import Path
from statistics import median
from tempfile import TemporaryDirectory

from benchmarks._cli import run
from benchmarks._gateway import GatewayProcess, tool_latencies_ms
from benchmarks._report import Bar, Report, quantile
from dynogate.client import GatewayClient
from dynogate.profiling.capture.parser import ProfileParser
from dynogate.profiling.storage import ProfileStorage
from dynogate.store.database import Database

PROGRAM = Path(__file__).with_name("big_program.py")
LEAST_MB = 8.0
FIRST_LIMIT_MS, AGAIN_LIMIT_MS, SIZE_LIMIT = 300.0, 5.0, 0.2
COPIES = 7
CALLS = 300


@dataclass(frozen=True, slots=True)
class _Measured:
    raw_mb: float
    stored_share: float
    parse_ms: float
    first_ms: list[float]
    again_ms: list[float]


def _raw_profile(folder: Path) -> Path:
    """Scalene's own JSON of ``PROGRAM``, library code and stacks included."""
    out = folder / "big.json"
    command = [sys.executable, "-m", "scalene", "run", "--profile-all", "--stacks"]
    subprocess.run([*command, "-o", str(out), str(PROGRAM)], capture_output=True, check=True)
    return out


def _fill(folder: Path, raw: Path) -> tuple[list[str], float]:
    """Store the profile ``COPIES`` times; the ids, and the milliseconds of parsing it."""
    start = time.perf_counter()
    profile = ProfileParser().parse_file(raw)
    parse_ms = (time.perf_counter() - start) * 1000
    with closing(Database(f"sqlite:///{folder / 'dynogate.db'}")) as database:
        storage = ProfileStorage(database=database)
        return [storage.store(profile) for _ in range(COPIES)], parse_ms


def _measure(folder: Path) -> _Measured:
    raw = _raw_profile(folder)
    ids, parse_ms = _fill(folder, raw)
    process = GatewayProcess(folder, [folder])
    process.start()
    try:
        with GatewayClient(process.url) as client:
            row = client.call("list_profiles", {"limit": 1}).structured_content["profiles"][0]
        first = [
            tool_latencies_ms(
                process.url, "analyze_profile", {"profile_id": one}, calls=1, warm_up=0
            )[0]
            for one in ids
        ]
        again = tool_latencies_ms(
            process.url, "get_cpu_hotspots", {"profile_id": ids[-1]}, calls=CALLS
        )
    finally:
        process.stop()
    share = row["stored_bytes"] / row["raw_bytes"]
    return _Measured(row["raw_bytes"] / 2**20, share, parse_ms, first, again)


def main(*, json: bool = False) -> int:
    """Run the benchmark.

    Parameters
    ----------
    json: Print JSON.
    """
    with TemporaryDirectory(prefix="dynogate-big-") as name:
        got = _measure(Path(name).resolve())
    report = Report(
        title="A profile of library code line by line",
        columns=("what", "measured"),
        rows=[
            ("parsing Scalene's JSON", f"{got.parse_ms:.0f} ms"),
            ("first analyses over HTTP", "  ".join(f"{ms:.0f}" for ms in got.first_ms) + " ms"),
            ("get_cpu_hotspots p99", f"{quantile(got.again_ms, 0.99):.2f} ms"),
        ],
        bars=[
            Bar.at_least("size of the raw JSON, MB", got.raw_mb, LEAST_MB),
            Bar.at_most(
                "first analysis over HTTP, median ms", median(got.first_ms), FIRST_LIMIT_MS
            ),
            Bar.at_most("get_cpu_hotspots over HTTP, p50 ms", median(got.again_ms), AGAIN_LIMIT_MS),
            Bar.at_most("stored size / raw size", got.stored_share, SIZE_LIMIT),
        ],
    )
    return report.finish(as_json=json)


if __name__ == "__main__":
    run(main)
