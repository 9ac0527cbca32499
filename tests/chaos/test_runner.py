"""What ends a run before its end."""

import time

import pytest

from chaos import runner
from tests.chaos.made import experiment


def test_a_gateway_that_does_not_start_is_no_red_experiment() -> None:
    """It could not be run: the reason says what the gateway said."""
    outcome = runner.run(experiment(), command=("ls",))
    assert not outcome.verdict.green
    assert outcome.evidence.journal is None
    assert "gateway ended as it started" in outcome.verdict.reasons[0]
    assert "--port" in outcome.verdict.reasons[0]


def test_time_that_is_over_stops_a_run() -> None:
    """Once: what has to be cleaned up then is not interrupted."""
    stop = runner.Stop(0.05)
    with stop, pytest.raises(KeyboardInterrupt):
        time.sleep(5)
    assert stop.why == "its limit of 0.05 s was over"
    assert not stop.by_hand
