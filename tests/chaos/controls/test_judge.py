"""A defect counts as caught only for the right reason."""

from dataclasses import replace

from chaos.controls.catalogue import Control
from chaos.controls.judge import misses
from chaos.evidence import Evidence
from chaos.judge import judge
from chaos.runner import Outcome
from dynogate.load import samples
from tests.chaos.made import START, evidence, experiment, journal

FAILS = {"says": "nothing fails", "stream": "calls", "figure": "failures", "at_most": 0}
P99 = {"says": "the p99 holds", "stream": "calls", "figure": "p99", "at_most": {"plus": 0.3}}
CONTROL = Control(name="d", experiment="e", breaks="nothing fails")
BROKEN = evidence(outcome=samples.Outcome.CONNECTION)


def outcome(seen: Evidence) -> Outcome:
    made = experiment(FAILS, P99)
    return Outcome(made, seen, judge(made, seen), START, 12.0)


def test_red_by_the_bar_that_it_should_break_is_caught() -> None:
    """With the experiment green on a healthy gateway, or not run there."""
    assert misses(CONTROL, outcome(BROKEN), outcome(evidence())) == ()
    assert misses(CONTROL, outcome(BROKEN), None) == ()


def test_green_is_missed() -> None:
    """The experiment does not notice."""
    (missed,) = misses(CONTROL, outcome(evidence()), None)
    assert "was not noticed" in missed


def test_red_for_another_reason_is_missed() -> None:
    """The reasons it was red for are told."""
    (missed,) = misses(CONTROL, outcome(evidence(slow=1.0)), None)
    assert "red for another reason: not kept: the p99 holds" in missed


def test_red_without_proof_is_missed() -> None:
    """Who knows what broke it."""
    seen = dict(journal())
    seen["run"][1]["output"] = {"bit": False, "text": "nothing was slower", "figures": {}}
    (missed,) = misses(CONTROL, outcome(replace(BROKEN, journal=seen)), None)
    assert "the fault did not bite" in missed


def test_a_run_that_came_to_no_end_is_missed() -> None:
    """Stopped, or with its rig broken."""
    for seen in (replace(BROKEN, stopped="SIGTERM"), replace(BROKEN, broken=("no redis",))):
        (missed,) = misses(CONTROL, outcome(seen), None)
        assert "came to no end" in missed


def test_an_experiment_that_is_red_anyway_catches_nothing() -> None:
    """On a healthy gateway, too."""
    (missed,) = misses(CONTROL, outcome(BROKEN), outcome(BROKEN))
    assert "red on a healthy gateway, too: not kept: nothing fails" in missed
