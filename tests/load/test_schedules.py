"""When calls are to be sent."""

from pathlib import Path

import numpy as np
import pytest

from dynogate.errors import ConfigurationError
from dynogate.load import schedules


def test_a_constant_rate() -> None:
    """Evenly spaced, from the start on."""
    times = schedules.constant(100, 2)
    assert times.size == 200
    assert np.allclose(np.diff(times), 0.01)
    assert times[0] == 0
    assert schedules.constant(0.1, 1).size == 1


def test_arrivals_at_random() -> None:
    """Their gaps are exponential: as wide on average as their spread."""
    gaps = np.diff(schedules.poisson(1000, 20))
    assert gaps.mean() == pytest.approx(0.001, rel=0.05)
    assert gaps.std() == pytest.approx(gaps.mean(), rel=0.1)


def test_a_ramp() -> None:
    """As many calls as the mean rate makes, and the rate at both ends."""
    times = schedules.ramp(10, 110, 10)
    assert times.size == 600
    assert times[-1] <= 10
    assert np.diff(times)[0] == pytest.approx(1 / 10, rel=0.1)
    assert np.diff(times)[-1] == pytest.approx(1 / 110, rel=0.05)
    falling = schedules.ramp(110, 10, 10)
    assert np.diff(falling)[0] == pytest.approx(1 / 110, rel=0.05)
    assert np.allclose(schedules.ramp(5, 5, 2), schedules.constant(5, 2))


def test_a_replay(tmp_path: Path) -> None:
    """In order, from zero, at its speed."""
    path = tmp_path / "arrivals.txt"
    path.write_text("100.5\n100\n102\n")
    times = schedules.replay(schedules.read_arrivals(path), speed=2)
    assert times.tolist() == [0, 0.25, 1]


@pytest.mark.parametrize("number", [0.0, -1.0, float("nan"), float("inf")])
def test_numbers_that_cannot_be(number: float) -> None:
    """Neither a rate nor a duration nor a speed."""
    with pytest.raises(ConfigurationError):
        schedules.constant(number, 1)
    with pytest.raises(ConfigurationError):
        schedules.poisson(1, number)
    with pytest.raises(ConfigurationError):
        schedules.replay(np.zeros(1), number)
    with pytest.raises(ConfigurationError):
        schedules.ramp(-1, 1, 1)


def test_what_cannot_be_replayed(tmp_path: Path) -> None:
    """No times, or none that are numbers."""
    with pytest.raises(ConfigurationError, match="1 to"):
        schedules.replay(np.zeros(0))
    with pytest.raises(ConfigurationError, match="no arrival times"):
        schedules.read_arrivals(tmp_path / "none")
    (tmp_path / "words").write_text("now then")
    with pytest.raises(ConfigurationError, match="no arrival times"):
        schedules.read_arrivals(tmp_path / "words")


def test_more_calls_than_can_be_kept() -> None:
    """Memory is bounded."""
    with pytest.raises(ConfigurationError, match="shorter"):
        schedules.constant(1e6, 3600)
