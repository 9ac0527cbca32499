"""Percentiles to 0.1 ms.

Locust keeps two significant digits (1234 ms becomes 1200, 0.4 ms becomes 0) and writes whole
milliseconds; this makes its statistics, tables, CSV, JSON and HTML say what was measured.
"""

import csv
from collections.abc import Callable
from pathlib import Path
from typing import Any

from locust import stats

_close_files = stats.StatsCSVFileWriter.close_files
_STEPS_MS = ((1_000.0, 1), (100_000.0, 0))  # 0.1 ms below a second, 1 ms below 100 s, else 10 ms


def bucket(response_time: float) -> float:
    """The response time, in ms, as it is counted: at most some 100,000 different ones."""
    for limit, digits in _STEPS_MS:
        if response_time < limit:
            return round(response_time, digits)
    return round(response_time, -1)


def percentile(response_times: dict[float, int], number: int, percent: float) -> float:
    """The least response time that at least ``percent`` (0 to 1) of the requests kept to."""
    rank = max(1, -int(-number * percent // 1))
    seen = 0
    for response_time in sorted(response_times):
        seen += response_times[response_time]
        if seen >= rank:
            return response_time
    return 0.0


def install() -> None:
    """Have the Locust of this process count precisely; a second time changes nothing."""
    stats.bucket_response_time = bucket  # type: ignore[assignment]
    stats.calculate_response_time_percentile = percentile  # type: ignore[assignment]
    stats.StatsEntry.percentile = _row  # type: ignore[assignment, method-assign]
    stats.StatsCSV._percentile_fields = _fields  # type: ignore[method-assign, assignment]
    stats.StatsCSVFileWriter.close_files = _close  # type: ignore[assignment, method-assign]


def _row(entry: stats.StatsEntry) -> str:
    if not entry.num_requests:
        raise ValueError("no percentile of no requests")
    figures = " ".join(f"{_of(entry, p):6.1f}" for p in stats.PERCENTILES_TO_REPORT)
    name = f"{entry.method or '':{stats.STATS_TYPE_WIDTH}} {entry.name:{stats.STATS_NAME_WIDTH}}"
    return f"{name} {figures} {entry.num_requests:6}"


def _fields(report: Any, entry: stats.StatsEntry, use_current: bool = False) -> list[Any]:
    if not entry.num_requests:
        return list(report.percentiles_na)
    current = use_current and entry.use_response_times_cache
    read: Callable[[float], float | None] = (
        entry.get_current_response_time_percentile
        if current
        else entry.get_response_time_percentile
    )
    return [read(p) or 0.0 for p in report.percentiles_to_report]


def _close(writer: stats.StatsCSVFileWriter) -> None:
    """Close the CSV files with their last second in them, which Locust leaves out."""
    _close_files(writer)
    with Path(f"{writer.base_filepath}_stats.csv").open("w", newline="", encoding="utf-8") as file:
        writer.requests_csv(csv.writer(file))


def _of(entry: stats.StatsEntry, percent: float) -> float:
    return entry.get_response_time_percentile(percent)
