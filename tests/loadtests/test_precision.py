"""Percentiles to 0.1 ms."""

import csv
import io

import pytest
from locust.env import Environment
from locust.stats import RequestStats, StatsCSV

from loadtests import precision


@pytest.fixture(autouse=True)
def _installed() -> None:
    precision.install()


def stats_of(*times: float) -> RequestStats:
    stats = RequestStats()
    for time in times:
        stats.log_request("rpc", "ping", time, 0)  # type: ignore[arg-type]  # floats in truth
    return stats


@pytest.mark.parametrize(
    ("measured", "counted"),
    [(0.44, 0.4), (147.26, 147.3), (1234.4, 1234.0), (99_999.6, 100_000.0), (123_456.0, 123_460.0)],
)
def test_times_are_kept_to_a_tenth_of_a_millisecond(measured: float, counted: float) -> None:
    """Where Locust would keep two digits."""
    assert precision.bucket(measured) == counted


@pytest.mark.parametrize(
    ("percent", "expected"),
    [(0.0, 1.0), (0.5, 1.0), (0.51, 2.0), (0.95, 2.0), (0.951, 3.3), (1.0, 3.3)],
)
def test_a_percentile_is_the_least_time_that_so_many_kept_to(
    percent: float, expected: float
) -> None:
    """Nearest rank: 50 of 1 ms, 45 of 2 ms and 5 of 3.3 ms."""
    assert precision.percentile({3.3: 5, 1.0: 50, 2.0: 45}, 100, percent) == expected


def test_no_requests_have_no_percentile() -> None:
    """Locust asks all the same, for its charts."""
    assert precision.percentile({}, 0, 0.99) == 0.0


def test_the_table_tells_them() -> None:
    """Of every entry, with the decimals."""
    row = stats_of(0.4, 0.4, 12.3).get("ping", "rpc").percentile()
    assert row.split() == ["rpc", "ping", *["0.4"] * 2, *["12.3"] * 9, "3"]


def test_the_csv_tells_them() -> None:
    """Locust's own writes whole milliseconds."""
    environment = Environment()
    environment.stats = stats_of(0.4, 12.3)
    text = io.StringIO()
    StatsCSV(environment, [0.5, 0.99]).requests_csv(csv.writer(text))
    rows = list(csv.reader(io.StringIO(text.getvalue())))
    assert rows[1][-2:] == ["0.4", "12.3"]
