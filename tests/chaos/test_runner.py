"""What ends a run before its end."""

import time

import pytest

from chaos import runner
from chaos.spec import Experiment
from tests.chaos.made import document, experiment


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


def test_an_experiment_that_takes_too_long_is_stopped_and_rolled_back() -> None:
    """A method that hangs is a failure with a reason."""
    made = document()
    made["method"][0]["pauses"] = {"after": 60}
    made["extensions"][0]["limit"] = 8
    outcome = runner.run(Experiment("hangs", made))
    assert outcome.verdict.reasons[0] == (
        "it was stopped before its end: its limit of 8 s was over"
    )
    journal = outcome.evidence.journal
    assert journal is not None
    assert [each["status"] for each in journal["rollbacks"]] == ["succeeded"]
    assert not outcome.evidence.by_hand
