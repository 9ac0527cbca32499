"""``list_profiles`` over HTTP with 100,000 profiles stored.

``python -m benchmarks.list_profiles``: 100 profiles are stored the ordinary way, then copied
inside the database under other ids and times until there are enough. Exit status 1 where the
median of any kind of listing takes more than 10 ms.
"""

import sqlite3
from contextlib import closing
from pathlib import Path
from statistics import median
from tempfile import TemporaryDirectory

from benchmarks._cli import run
from benchmarks._gateway import GatewayProcess, tool_latencies_ms
from benchmarks._report import Bar, Report, quantile
from benchmarks.ground_truth.corpus import load
from dynogate.client import GatewayClient
from dynogate.profiling.capture.profiler import ScaleneProfiler
from dynogate.profiling.models import ProfileResult
from dynogate.profiling.storage import ProfileStorage
from dynogate.store.database import Database
from dynogate.store.schema import profile_blobs, profile_lines, profile_tags, profiles

LIMIT_MS = 10.0
SEEDS = 100
CALLS = 300


def fill(data_dir: Path, count: int, profile: ProfileResult) -> None:
    """Store ``count`` profiles of 20 scripts, with tags, in the SQLite store of ``data_dir``."""
    database = Database(f"sqlite:///{data_dir / 'dynogate.db'}")
    with closing(database):
        storage = ProfileStorage(database=database)
        for number in range(min(SEEDS, count)):
            name = f"/srv/app/job_{number % 20:02d}.py"
            target = profile.target.model_copy(update={"name": name, "path": name})
            tags = (f"week-{number % 10}",)
            storage.store(profile.model_copy(update={"target": target, "tags": tags}))
    _multiply(data_dir / "dynogate.db", count // SEEDS)


def _multiply(path: Path, times: int) -> None:
    """Copy every stored profile ``times`` - 1 times, each copy a minute older."""
    with closing(sqlite3.connect(path)) as connection, connection:
        for copy in range(1, times):
            for table in (profiles, profile_tags, profile_lines, profile_blobs):
                columns = [column.name for column in table.columns]
                values = ", ".join(_copied(column, copy) for column in columns)
                origin = "key" if table is profiles else "profile_key"
                connection.execute(
                    f"INSERT INTO {table.name} ({', '.join(columns)}) "
                    f"SELECT {values} FROM {table.name} WHERE {origin} <= {SEEDS}"
                )
        connection.execute(
            "UPDATE store_totals SET profiles = (SELECT count(*) FROM profiles), "
            "bytes = (SELECT sum(stored_bytes) FROM profiles)"
        )


def _copied(column: str, copy: int) -> str:
    changes = {
        "key": f"key + {copy * SEEDS}",
        "profile_key": f"profile_key + {copy * SEEDS}",
        "id": f"id || '-{copy}'",
        "created_us": f"created_us - {copy} * 60000000",
    }
    return changes.get(column, column)


def main(*, count: int = 100_000, json: bool = False) -> int:
    """Run the benchmark.

    Parameters
    ----------
    count: How many profiles are stored.
    json: Print JSON.
    """
    with TemporaryDirectory(prefix="dynogate-list-") as name:
        folder = Path(name).resolve()
        script = load("cpu_for_one_line")[0].lay_out(folder)
        fill(folder, count, ScaleneProfiler().profile_script(script))
        process = GatewayProcess(folder, [folder])
        process.start()
        try:
            rows, bars = _measure(process)
        finally:
            process.stop()
    report = Report(
        title=f"list_profiles with {count:,} profiles stored",
        columns=("listing", "p50 ms", "p99 ms", "CPU ms a call"),
        rows=rows,
        bars=bars,
    )
    return report.finish(as_json=json)


def _measure(process: GatewayProcess) -> tuple[list[tuple[str, ...]], list[Bar]]:
    with GatewayClient(process.url) as client:
        first = client.call("list_profiles", {}).structured_content
    listings = {
        "newest": {},
        "second page": {"cursor": first["next_cursor"]},
        "one script": {"script": "/srv/app/job_07.py"},
        "one tag": {"tag": "week-3"},
        "one script, 100 a page": {"script": "/srv/app/job_07.py", "limit": 100},
    }
    rows: list[tuple[str, ...]] = []
    bars = []
    for what, arguments in listings.items():
        used = process.cpu_sec()
        took = tool_latencies_ms(process.url, "list_profiles", arguments, calls=CALLS, warm_up=0)
        cpu_ms = (process.cpu_sec() - used) * 1000 / CALLS
        rows.append((what, f"{median(took):.2f}", f"{quantile(took, 0.99):.2f}", f"{cpu_ms:.2f}"))
        bars.append(Bar.at_most(f"p50 of '{what}', ms", median(took), LIMIT_MS))
    return rows, bars


if __name__ == "__main__":
    run(main)
