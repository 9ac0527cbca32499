from collections.abc import Iterator
from pathlib import Path

import pytest

from dynogate.telemetry.metrics import Metrics


@pytest.fixture
def metrics(tmp_path: Path) -> Iterator[Metrics]:
    metrics = Metrics(tmp_path)
    yield metrics
    metrics.close()


def test_several_processes_are_summed(metrics: Metrics, tmp_path: Path) -> None:
    """Whichever is asked tells the sum, of counts, durations and what is held."""
    other = Metrics(tmp_path)
    for each in (metrics, other):
        each.calls["t", "rpc", "ok"].inc()
        each.seconds["t", "rpc"].observe(0.004)
        each.in_flight.inc()
        each.follow(each.connections, lambda: 4)
        each.refresh()
    other.seconds["t", "rpc"].observe(1000.0)
    text = metrics.render().decode()
    other.close()
    for line in (
        'dynogate_tool_calls_total{outcome="ok",tool="t",transport="rpc"} 2.0',
        'dynogate_tool_seconds_bucket{le="0.0025",tool="t",transport="rpc"} 0.0',
        'dynogate_tool_seconds_bucket{le="0.005",tool="t",transport="rpc"} 2.0',
        'dynogate_tool_seconds_bucket{le="600.0",tool="t",transport="rpc"} 2.0',
        'dynogate_tool_seconds_bucket{le="+Inf",tool="t",transport="rpc"} 3.0',
        'dynogate_tool_seconds_count{tool="t",transport="rpc"} 3.0',
        'dynogate_tool_seconds_sum{tool="t",transport="rpc"} 1000.008',
        "dynogate_tool_calls_in_flight 2.0",
        "dynogate_connections 8.0",
    ):
        assert line in text.splitlines()
    assert 'dynogate_worker_resident_bytes{worker="0"}' in text
    assert 'dynogate_worker_open_files{worker="1"}' in text


def test_figures_are_totals(metrics: Metrics) -> None:
    """Over the labels of a metric, for those who want no more than a number."""
    metrics.requests["rpc", "200"].inc()
    metrics.requests["mcp", "404"].inc()
    metrics.in_flight.inc()
    metrics.in_flight.inc()
    metrics.in_flight.dec()
    figures = metrics.figures()
    assert figures["dynogate_http_requests"] == 2
    assert figures["dynogate_tool_calls_in_flight"] == 1
    assert figures["dynogate_workers"] == 1
