"""What the gateway depends on goes away: calls that need it are told so, others go on."""

from pathlib import Path
from typing import Any

import pytest
from sqlalchemy import make_url

from dynogate.app import build_app
from dynogate.dependencies import Dependencies
from dynogate.errors import UpstreamFailed
from dynogate.settings import load_settings
from dynogate.telemetry.metrics import Metrics
from tests.link import Link
from tests.live import Live, in_process, until
from tests.ports import free_port
from tests.postgres import PostgresCluster
from tests.redis import RedisServer

HELLO: dict[str, Any] = {"jsonrpc": "2.0", "id": 1, "method": "echo", "params": {"say": "hi"}}
PROFILES = {"jsonrpc": "2.0", "id": 1, "method": "list_profiles", "params": {}}


def checks(live: Live) -> dict[str, str]:
    told: dict[str, str] = live.get("/health/ready").json()["checks"]
    return told


def metric(live: Live, series: str) -> float:
    lines = live.get("/metrics").text.splitlines()
    return float(next(line for line in lines if line.startswith(series + " ")).split()[-1])


def test_a_redis_that_dies_opens_its_circuit(redis_server: RedisServer, tmp_path: Path) -> None:
    """Readiness names it and stays ready, since calls are let pass; metrics count it."""
    settings = load_settings(
        data_dir=tmp_path,
        toolsets="tests.toolset:toolset",
        rate_limit="1000/second",
        rate_limit_storage=redis_server.url,
        rate_limit_timeout_sec=0.3,
        rate_limit_recovery_sec=0.5,
    )
    opened = 'dynogate_circuit_changes_total{circuit="rate_limits",state="open"}'
    with in_process(build_app(settings)) as live:
        assert live.post(HELLO).status_code == 200
        assert checks(live)["circuits"] == "ok"
        assert metric(live, opened) == metric(live, "dynogate_circuits_open") == 0
        redis_server.kill()
        until(lambda: live.post(HELLO).is_success and metric(live, opened) > 0, "it to open")
        until(lambda: "rate_limits: open, asked again in" in checks(live)["circuits"], "its name")
        assert live.get("/health/ready").status_code == 200
        assert metric(live, "dynogate_circuits_open") == 1
        redis_server.start()
        until(lambda: checks(live)["circuits"] == "ok", "it to close")
        assert metric(live, "dynogate_circuits_open") == 0


def test_a_silent_postgres_keeps_nobody_else_waiting(
    postgres: PostgresCluster, fresh_postgres_url: str, tmp_path: Path
) -> None:
    """503 within the bound, at once when the circuit is open, with Retry-After; then it is back."""
    link = Link(postgres.port)
    url = make_url(fresh_postgres_url).set(port=link.port)
    settings = load_settings(
        data_dir=tmp_path,
        database_url=url.render_as_string(hide_password=False),
        toolsets="tests.toolset:toolset",
        store_timeout_sec=0.5,
        store_failures=1,
        store_recovery_sec=1.0,
    )
    try:
        with in_process(build_app(settings)) as live:
            assert live.post(PROFILES).status_code == 200
            link.silent = True
            refused = live.post(PROFILES)
            assert (refused.status_code, code_of(refused)) == (503, 1507)
            assert live.post(HELLO).status_code == 200
            at_once = live.post(PROFILES)
            assert (at_once.status_code, code_of(at_once)) == (503, 1507)
            assert at_once.headers["retry-after"] == "1"
            assert "store: " in checks(live)["circuits"]
            assert live.get("/health/ready").status_code == 503
            link.silent = False
            until(lambda: live.post(PROFILES).status_code == 200, "the store to be used", 10)
    finally:
        link.close()


def test_a_tool_whose_server_is_away_says_so(tmp_path: Path) -> None:
    """502 while it is tried, then 503 at once with Retry-After; MCP clients can read it, too."""
    settings = load_settings(
        data_dir=tmp_path,
        toolsets="tests.toolset:toolset,tests.asking_tools:toolset",
        upstream_failures=4,
        upstream_recovery_sec=60.0,
    )
    ask = {**HELLO, "method": "ask", "params": {"url": f"http://127.0.0.1:{free_port()}"}}
    with in_process(build_app(settings)) as live:
        tried = live.post(ask)
        assert (tried.status_code, code_of(tried)) == (502, 1510)
        for _ in range(2):  # the fourth attempt is the second of these calls
            at_once = live.post(ask)
        assert (at_once.status_code, code_of(at_once)) == (503, 1509)
        assert 55 < int(at_once.headers["retry-after"]) <= 60
        assert at_once.json()["error"]["data"]["retry_after"] > 55
        as_mcp = {**ask, "method": "tools/call"}
        as_mcp["params"] = {"name": "ask", "arguments": ask["params"]}
        result = live.post(as_mcp).json()["result"]
        assert result["isError"]
        assert "demo has kept failing" in result["content"][0]["text"]
        assert checks(live)["circuits"].startswith("demo: open")
        assert live.get("/health/ready").status_code == 200
        assert live.post(HELLO).status_code == 200


async def test_what_tools_ask_is_asked_by_its_settings(tmp_path: Path) -> None:
    """One server for each name, with a breaker that readiness and metrics know."""
    metrics = Metrics()
    settings = load_settings(data_dir=tmp_path, upstream_failures=2, upstream_retries=1)
    dependencies = Dependencies(settings, metrics)
    upstream = dependencies.upstream("demo", f"http://127.0.0.1:{free_port()}")
    assert dependencies.upstream("demo", "") is upstream
    with pytest.raises(UpstreamFailed):
        await upstream.get("/")
    assert (await dependencies.look()).startswith("demo: open, asked again in 30.0 s")
    metrics.refresh()
    assert metrics.figures()["dynogate_circuits_open"] == 1
    await dependencies.close()


def code_of(answer: Any) -> int:
    code: int = answer.json()["error"]["code"]
    return code
