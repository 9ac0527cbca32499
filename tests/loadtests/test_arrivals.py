"""Open load: a schedule that the users share."""

import itertools
import time
from pathlib import Path

import pytest
from locust.env import Environment
from locust.exception import StopUser

from loadtests.arrivals import Arrivals, BadSchedule, Schedule


def first(schedule: Schedule, count: int) -> list[float]:
    return list(itertools.islice(schedule.times(), count))


def test_a_rate_is_evenly_spaced() -> None:
    """And has no end."""
    assert first(Schedule(rate=4.0), 4) == [0.0, 0.25, 0.5, 0.75]


def test_recorded_arrivals_begin_at_once(tmp_path: Path) -> None:
    """Whatever clock they were recorded by, and in whatever order they were written down."""
    path = tmp_path / "arrivals.txt"
    path.write_text("1000.5\n1002\n1000.75\n")
    assert first(Schedule(recorded=path), 9) == [0.0, 0.25, 1.5]


@pytest.mark.parametrize(
    ("text", "problem"),
    [
        ("", "a replay needs 1 to"),
        ("1\nsoon\n", "could not convert"),
        ("1\nnan\n2", "a replay needs 1 to"),
    ],
)
def test_a_file_that_makes_no_sense_is_refused(tmp_path: Path, text: str, problem: str) -> None:
    """With its name."""
    path = tmp_path / "arrivals.txt"
    path.write_text(text)
    with pytest.raises(BadSchedule, match=problem):
        Schedule(recorded=path)


@pytest.mark.parametrize("rate", [0.0, -1.0, float("inf"), float("nan")])
def test_a_rate_that_cannot_be_is_refused(rate: float) -> None:
    """Rates are positive numbers."""
    with pytest.raises(BadSchedule, match="--rate"):
        Schedule(rate=rate)


def test_one_schedule_only(tmp_path: Path) -> None:
    """A rate and a recording contradict each other."""
    with pytest.raises(BadSchedule, match="not both"):
        Schedule(rate=1.0, recorded=tmp_path)


def test_workers_get_the_schedule_that_was_described(tmp_path: Path) -> None:
    """It travels as data."""
    path = tmp_path / "arrivals.txt"
    path.write_text("0 1 5")
    assert first(Schedule.of(Schedule(recorded=path).described()), 9) == [0.0, 1.0, 5.0]
    assert first(Schedule.of(Schedule(rate=2.0).described()), 2) == [0.0, 0.5]


def test_a_closed_loop_waits_for_nothing() -> None:
    """Users come as they are ready."""
    arrivals = Arrivals(Environment())
    assert not arrivals.are_scheduled
    assert arrivals.wait() == 0.0


def test_lateness_is_told() -> None:
    """A request that finds no free user leaves late, and says by how much."""
    arrivals = Arrivals(Environment())
    arrivals.start(iter([0.0, 0.01, 0.02]))
    time.sleep(0.2)
    assert 0.2 <= arrivals.wait() < 0.5
    assert arrivals.wait() <= arrivals.worst


def test_the_end_of_the_schedule_ends_the_user() -> None:
    """There is nothing left to send."""
    arrivals = Arrivals(Environment())
    arrivals.start(iter([0.0]))
    arrivals.wait()
    with pytest.raises(StopUser):
        arrivals.wait()
