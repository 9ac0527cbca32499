"""``PerformanceTester`` as a script or a notebook uses it."""

import pytest

from dynogate.errors import ConfigurationError, GatewayUnreachable
from dynogate.load.tester import PerformanceTester
from tests.load import servers
from tests.load.servers import Served

KEYS = {
    "success_rate",
    "throughput",
    "avg_response_time",
    "median_response_time",
    "p95_response_time",
    "p99_response_time",
    "concurrent_users",
}


async def test_one_call_and_many(server: Served) -> None:
    """With the keys that a reader of the field expects."""
    tester = PerformanceTester(server.url)
    one = await tester.single_request_test()
    assert one["total_requests"] == one["successful_requests"] == 1
    many = await tester.concurrent_requests_test(num_requests=60, num_concurrent=6)
    assert set(many) >= KEYS
    assert many["success_rate"] == 1.0
    assert many["concurrent_users"] == 6
    assert many["total_requests"] == 60
    assert 0 < many["median_response_time"] <= many["p95_response_time"] < 5
    assert many["errors"] == {}


async def test_more_and_more_users(server: Served) -> None:
    """A result for each step."""
    tester = PerformanceTester(server.url, transport="mcp", tool="list_databases")
    steps = await tester.ramp_up_test(max_concurrent=4, step_size=2, step_duration=0.2)
    assert [step["concurrent_users"] for step in steps] == [1, 2, 4]
    assert all(step["throughput"] > 0 for step in steps)


async def test_for_long(server: Served) -> None:
    """With what is to be said of drift."""
    result = await PerformanceTester(server.url).sustained_load_test(2, duration_minutes=0.01)
    assert result["success_rate"] == 1.0
    assert set(result["drift"]) == {
        "memory (RSS)",
        "file descriptors",
        "response time (p95)",
    }


async def test_failures_are_no_successes() -> None:
    """A server that answers 200 with errors."""
    with servers.raw(servers.error_with_200) as url:
        result = await PerformanceTester(url).concurrent_requests_test(10, 2)
    assert result["success_rate"] == 0.0
    assert result["p99_response_time"] is None
    assert result["errors"] == {"error -32603: internal": 10}


async def test_nobody_there_and_no_url() -> None:
    """Errors of the house."""
    with pytest.raises(GatewayUnreachable):
        await PerformanceTester("http://127.0.0.1:9").single_request_test()
    with pytest.raises(ConfigurationError):
        PerformanceTester("here")
