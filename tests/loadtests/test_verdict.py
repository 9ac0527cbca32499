"""Limits decide the exit status."""

from argparse import Namespace
from typing import Any

import pytest
from locust.env import Environment

from dynogate.errors import ConfigurationError
from loadtests import arrivals, precision, verdict

OPTIONS: dict[str, Any] = {
    "max_error_rate": [],
    "max_p99": [],
    "min_rps": [],
    "rate": None,
    "replay": None,
    "stop_timeout": 0,
}


def judged(
    times: list[float], *, failed: int = 0, late: float | None = None, **options: Any
) -> int | None:
    """The exit status that a run with these answers gets; None leaves it to Locust."""
    precision.install()
    environment = Environment(parsed_options=Namespace(**OPTIONS | options))
    environment.create_local_runner()
    schedule = arrivals.install(environment)
    verdict.install(environment)
    for time in times:
        environment.stats.log_request("rpc", "ping", time, 0)  # type: ignore[arg-type]
    for _ in range(failed):
        environment.stats.log_error("rpc", "ping", "no")
    if late is not None:
        schedule.start(iter([]))
        schedule.worst = late
    environment.events.quitting.fire(environment=environment)
    return environment.process_exit_code


def test_no_requests_are_no_success() -> None:
    """Locust alone would end with 0."""
    assert judged([]) == 1


def test_without_limits_locust_decides() -> None:
    """Any failure makes its exit status 1."""
    assert judged([1.0], failed=1) is None


def test_errors_within_the_limit_are_held() -> None:
    """That is what the limit is for."""
    assert judged([1.0] * 100, failed=1, max_error_rate=["2%"]) == 0


@pytest.mark.parametrize(
    ("options", "told"),
    [
        ({"max_error_rate": ["1%"]}, "share of failed calls"),
        ({"max_p99": ["4ms"]}, "p99 of the response time"),
        ({"min_rps": ["1e9"]}, "successes a second"),
        ({"max_p99": ["ping=4ms"]}, "ping"),
        ({"max_p99": ["pong=4ms"]}, "pong"),
    ],
)
def test_a_limit_that_is_not_held_fails(
    options: dict[str, Any], told: str, caplog: pytest.LogCaptureFixture
) -> None:
    """With the figure."""
    assert judged([5.0] * 100, failed=2, **options) == 1
    assert told in caplog.text


@pytest.mark.parametrize("text", ["ping", "ping=fast", "=1", "-1"])
def test_a_limit_that_cannot_be_read_is_refused(text: str) -> None:
    """It says how to write one."""
    with pytest.raises(ConfigurationError, match="NAME=LIMIT"):
        judged([1.0], max_p99=[text])


def test_a_closed_loop_that_met_a_stall_says_so(caplog: pytest.LogCaptureFixture) -> None:
    """Its percentiles hide what nobody asked for meanwhile."""
    judged([1.0] * 999 + [1000.0])
    assert "coordinated omission" in caplog.text


def test_a_steady_closed_loop_is_not_doubted(caplog: pytest.LogCaptureFixture) -> None:
    """Slow answers alone are no stall."""
    judged([900.0] * 100 + [1200.0])
    assert not caplog.text


def test_late_requests_are_told(caplog: pytest.LogCaptureFixture) -> None:
    """More users would have let them leave in time."""
    judged([1.0], late=0.5)
    assert "up to 0.50 s late" in caplog.text
