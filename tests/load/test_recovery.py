"""How long a server takes to be itself again."""

import numpy as np
import pytest

from dynogate.load.recovery import recovery_time
from dynogate.load.samples import Outcome, Samples


def afterwards(response: np.ndarray, outcome: np.ndarray | None = None) -> Samples:
    """Twenty calls a second after an overload that ended at 0."""
    at = np.arange(response.size) / 20
    outcomes = np.zeros(response.size, np.uint8) if outcome is None else outcome
    return Samples(at, at, at + response, outcomes, response.size / 20)


def test_a_queue_worked_off_is_the_recovery_time() -> None:
    """Two seconds of queue, shrinking to nothing over four seconds."""
    at = np.arange(200) / 20
    assert recovery_time(afterwards(np.maximum(2 - at / 2, 0.01)), 0, 0.01) == pytest.approx(4.0)


def test_refusals_are_no_recovery() -> None:
    """Fast refusals are not service."""
    outcome = np.zeros(200, np.uint8)
    outcome[:60] = Outcome.SHED
    assert recovery_time(afterwards(np.full(200, 0.01), outcome), 0, 0.01) == pytest.approx(3.0)


def test_a_server_that_stumbles_again_had_not_recovered() -> None:
    """The last slow window counts."""
    response = np.full(200, 0.01)
    response[100:110] = 1.0
    assert recovery_time(afterwards(response), 0, 0.01) == pytest.approx(5.5)


def test_no_harm_needs_no_recovery() -> None:
    """Normal from the first window on."""
    assert recovery_time(afterwards(np.full(200, 0.01)), 0, 0.01) == 0


def test_a_server_that_stays_down_never_recovered() -> None:
    """None, not the length of the run."""
    down = np.full(200, Outcome.CONNECTION, np.uint8)
    assert recovery_time(afterwards(np.full(200, 0.01), down), 0, 0.01) is None


def test_windows_without_calls_say_nothing() -> None:
    """A sparse load leaves gaps."""
    at = np.array([0.0, 3.0, 6.0])
    run = Samples(at, at, at + 0.01, np.zeros(3, np.uint8), 7.0)
    assert recovery_time(run, 0, 0.01) == 0
