import contextlib
import sqlite3
from collections.abc import Iterator
from pathlib import Path

import pytest

from dynogate import __version__
from dynogate.app import build_app
from dynogate.settings import load_settings
from tests.live import Live, in_process, until


@pytest.fixture
def data_dir(tmp_path: Path) -> Path:
    return tmp_path / "data"


@pytest.fixture
def live(data_dir: Path) -> Iterator[Live]:
    settings = load_settings(data_dir=data_dir, toolsets="tests.toolset:toolset")
    with in_process(build_app(settings)) as live:
        yield live


def test_the_catalogue_lists_every_tool_with_its_schemas(live: Live) -> None:
    """All sixteen, and those of further toolsets."""
    tools = {tool["name"]: tool for tool in live.get("/mcp/tools").json()["tools"]}
    assert {
        "profile_script", "profile_code", "analyze_profile", "get_cpu_hotspots",
        "get_memory_hotspots", "get_gpu_hotspots", "get_bottlenecks", "get_memory_leaks",
        "get_function_summary", "compare_profiles", "list_profiles", "get_profile", "echo",
        "run_load_test", "list_load_reports", "get_load_report", "compare_load_reports",
    } <= set(tools)  # fmt: skip
    for tool in tools.values():
        assert tool["description"]
        assert tool["inputSchema"]["type"] == "object"
        assert tool["outputSchema"]["type"] == "object"


def test_health_says_who_answers(live: Live) -> None:
    """The fields the original had."""
    health = live.get("/health").json()
    assert health["status"] == "healthy"
    assert health["version"] == __version__
    assert health["uptime_seconds"] >= 0
    assert health["timestamp"].endswith("+00:00")
    assert live.get("/health/live").json() == {"status": "alive"}


def test_status_says_what_the_gateway_holds(live: Live) -> None:
    """Requests are counted, connections open now, tools by name, jobs and store."""
    live.call("echo", say="x")
    status = live.get("/status").json()
    assert status["total_requests"] == 1
    assert status["active_connections"] >= 1
    assert "profile_script" in status["available_tools"]
    assert status["jobs"] == {"running": 0, "queued": 0}
    assert status["store"]["profiles"] == 0
    assert status["store"]["size_bytes"] == 0


def test_metrics_count_calls_by_tool_and_outcome(live: Live) -> None:
    """A success and a failure, apart."""
    live.call("echo", say="x")
    live.call("echo", say=1)
    text = live.get("/metrics").text
    assert 'dynogate_tool_calls_total{outcome="ok",tool="echo",transport="rpc"} 1.0' in text
    assert 'dynogate_tool_calls_total{outcome="-32602",tool="echo",transport="rpc"} 1.0' in text
    assert 'dynogate_http_requests_total{status="200",transport="rpc"} 1.0' in text


def test_ready_while_the_store_answers(live: Live, data_dir: Path) -> None:
    """503 with the reason while it does not, and ready again by itself."""
    checks = live.get("/health/ready").json()["checks"]
    assert checks.pop("sandbox") in ("ok", "off")
    assert set(checks.items()) == {
        (name, "ok") for name in ("store", "jobs", "audit", "files", "circuits", "shutdown")
    }
    with contextlib.closing(sqlite3.connect(next(data_dir.glob("*.db")))) as other:
        other.execute("ALTER TABLE store_totals RENAME TO gone")
        until(lambda: live.get("/health/ready").status_code == 503, "the store to be missed")
        answer = live.get("/health/ready").json()
        other.execute("ALTER TABLE gone RENAME TO store_totals")
    assert answer["status"] == "not ready"
    assert "tables are missing" in answer["checks"]["store"]
    until(lambda: live.get("/health/ready").status_code == 200, "readiness")
