"""Load over time."""

from argparse import Namespace
from typing import Any

import pytest
from locust.env import Environment

from loadtests.shapes.base import Shape
from loadtests.shapes.breakpoint import Breakpoint
from loadtests.shapes.soak import Soak
from loadtests.shapes.spike import Spike
from loadtests.shapes.steps import Steps

OPTIONS = {
    "num_users": 25,
    "spawn_rate": 5.0,
    "run_time": None,
    "step_users": 10,
    "step_seconds": 30.0,
}


def shaped(kind: type[Shape], **options: Any) -> Shape:
    shape = kind()
    environment = Environment(
        shape_class=shape, parsed_options=Namespace(**OPTIONS | options, stop_timeout=0)
    )
    environment.create_local_runner()
    return shape


def test_steps_climb_to_the_top_and_end() -> None:
    """10, 20, then the 25 that -u allows."""
    shape = shaped(Steps)
    assert [shape.plan(second) for second in (0, 29.9, 30, 60, 89, 90)] == [
        (10, 5.0),
        (10, 5.0),
        (20, 5.0),
        (25, 5.0),
        (25, 5.0),
        None,
    ]


def test_a_spike_comes_and_goes_at_once() -> None:
    """Few, all, few again."""
    shape = shaped(Spike, num_users=200)
    assert [shape.plan(second) for second in (0, 30, 60, 90)] == [
        (10, 10.0),
        (200, 200.0),
        (10, 10.0),
        None,
    ]


@pytest.mark.parametrize(("run_time", "end"), [(None, 3600.0), (120, 120.0)])
def test_a_soak_lasts_as_long_as_asked(run_time: int | None, end: float) -> None:
    """An hour where nothing was said."""
    shape = shaped(Soak, run_time=run_time)
    assert shape.plan(end - 1) == (25, 5.0)
    assert shape.plan(end) is None


def log(shape: Shape, *times: float, failed: int = 0) -> None:
    for time in times:
        shape.environment.stats.log_request("rpc", "ping", time, 0)  # type: ignore[arg-type]
    for _ in range(failed):
        shape.environment.stats.log_error("rpc", "ping", "no")


def test_the_breaking_point_is_approached_by_half_again() -> None:
    """As long as steps hold, the next has 1.5 times the users."""
    shape = shaped(Breakpoint, num_users=1000)
    users = []
    for second in (0, 30, 60):
        log(shape, *[5.0] * 100)
        users.append((shape.plan(second) or (0, 0))[0])
    assert users == [10, 15, 22]


def test_a_step_with_failures_is_the_last(caplog: pytest.LogCaptureFixture) -> None:
    """It says what held before."""
    shape = shaped(Breakpoint, num_users=1000)
    shape.plan(0)
    log(shape, *[5.0] * 100)
    shape.plan(30)
    log(shape, *[5.0] * 100, failed=6)
    assert shape.plan(60) is None
    assert "broke at 15 users; held: 10" in caplog.text


def test_a_step_without_answers_is_the_last() -> None:
    """A server that answers nobody does not hold."""
    shape = shaped(Breakpoint)
    shape.plan(0)
    assert shape.plan(30) is None


def test_the_most_users_end_the_search(caplog: pytest.LogCaptureFixture) -> None:
    """-u bounds it."""
    shape = shaped(Breakpoint, num_users=10)
    shape.plan(0)
    log(shape, *[5.0] * 100)
    assert shape.plan(30) is None
    assert "held at 10 users" in caplog.text
