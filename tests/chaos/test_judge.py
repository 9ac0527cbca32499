"""What the verdict is made of, on evidence put together by hand."""

import copy
from dataclasses import replace
from typing import Any

import numpy as np
import pytest

from chaos.evidence import Evidence
from chaos.judge import judge
from chaos.load import Taken
from dynogate.load.certificate import certify
from dynogate.load.samples import Outcome
from tests.chaos.made import BEGINS, END, ENDS, START, evidence, experiment, journal, stamp


def bar(figure: str, during: str = "fault", **limits: Any) -> dict[str, Any]:
    return {"says": "b", "stream": "calls", "figure": figure, "during": during, **limits}


def test_whole_evidence_is_green() -> None:
    """Nothing speaks against it."""
    verdict = judge(experiment(), evidence())
    assert verdict.reasons == ()
    assert verdict.green


@pytest.mark.parametrize(
    ("bars", "kept"),
    [
        (bar("p99", at_most={"plus": 0.3}), True),
        (bar("p99", at_most={"times": 2}), False),
        (bar("p50", at_least={"plus": 0.15}), True),
        (bar("p50", at_least=0.25), False),
        (bar("p99", "base", at_most=0.011), True),
        (bar("p99", "after", at_most=0.011), True),
        (bar("ok", "all", at_least=600, at_most=600), True),
        (bar("goodput", at_least=49, at_most=51), True),
        (bar("success_rate", at_least=1), True),
    ],
)
def test_bars_hold_figures_of_their_phase(bars: dict[str, Any], kept: bool) -> None:
    """In the fault calls take 200 ms, before and after it 10."""
    verdict = judge(experiment(bars), evidence(slow=0.2))
    assert [each.passed for each in verdict.bars] == [kept]
    assert verdict.green is kept


def test_what_was_not_measured_is_not_kept() -> None:
    """Where every call failed there is no p99, whichever way it is limited."""
    verdict = judge(experiment(bar("p99", at_most=9)), evidence(outcome=Outcome.CONNECTION))
    assert [each.passed for each in verdict.bars] == [False]


def test_a_call_under_way_when_the_fault_begins_is_the_faults() -> None:
    """The base is what had ended before it."""
    seen = evidence()
    samples = seen.taken["calls"].run.samples
    last = np.flatnonzero(samples.intended < BEGINS)[-1]
    samples.finished[last] = BEGINS + 1
    assert judge(experiment(bar("max", "base", at_most=0.011)), seen).green
    assert not judge(experiment(bar("max", at_most=0.011)), seen).green


def test_a_bar_of_a_probe() -> None:
    """A figure of what it put out."""
    bars = {"says": "b", "probe": "proof", "figure": "one"}
    assert judge(experiment({**bars, "at_most": 1}), evidence()).green
    assert not judge(experiment({**bars, "at_most": 0.5}), evidence()).green
    assert not judge(experiment({**bars, "figure": "two", "at_most": 9}), evidence()).green


@pytest.mark.parametrize(
    ("healed", "green"), [(ENDS, True), (8.6, True), (9.6, False), (12, False)]
)
def test_recovery_has_to_come_in_time(healed: float, green: bool) -> None:
    """Within two seconds, and to stay."""
    asked = experiment(bar("ok", "base", at_least=1), recovery={"stream": "calls", "within": 2})
    verdict = judge(asked, evidence(slow=0.2, healed=healed))
    assert verdict.green is green, verdict.reasons


@pytest.mark.parametrize(
    ("change", "reason"),
    [
        ({"stopped": "SIGINT"}, "it was stopped before its end: SIGINT"),
        ({"leftovers": ("toxic 'x' is still on 'client'",)}, "toxic 'x' is still on 'client'"),
        ({"broken": ("no server",)}, "no server"),
        ({"journal": None}, "the Chaos Toolkit left no journal"),
        ({"taken": {}}, "the load 'calls' was not made"),
    ],
)
def test_evidence_that_speaks_against_it(change: dict[str, Any], reason: str) -> None:
    """Each alone is enough."""
    assert reason in judge(experiment(), replace(evidence(), **change)).reasons


def changed(path: str, value: object) -> Evidence:
    seen = evidence()
    where: Any = copy.deepcopy(seen.journal)
    changed_journal = where
    *steps, last = path.split(".")
    for step in steps:
        where = where[int(step) if step.isdigit() else step]
    where[int(last) if last.isdigit() else last] = value
    return replace(seen, journal=changed_journal)


@pytest.mark.parametrize(
    ("path", "value", "reason"),
    [
        ("status", "failed", "the journal's status is 'failed'"),
        ("deviated", True, "the steady state deviated"),
        ("steady_states.after", None, "no steady state after the fault: it was not looked at"),
        ("run.2.status", "failed", "action 'heal' failed: "),
        ("rollbacks", [], "0 of 1 activities of the rollbacks were run"),
        ("run.1.output.bit", False, "the fault did not bite: it bit"),
        ("run.1.output.bit", 1, "the fault did not bite: it bit"),
    ],
)
def test_a_journal_that_speaks_against_it(path: str, value: object, reason: str) -> None:
    """Each alone is enough."""
    assert judge(experiment(), changed(path, value)).reasons == (reason,)


def test_a_window_that_never_ended() -> None:
    """The method broke off before the healing."""
    seen = changed("run", journal()["run"][:2])
    assert "the fault's window never came to its end" in judge(experiment(), seen).reasons


def test_a_load_that_ended_before_the_fault() -> None:
    """Who calls no more meets no errors."""
    seen = changed("run.2.end", stamp(END + 1))
    assert judge(experiment(), seen).reasons == ("the load 'calls' ended before the fault did",)


def test_a_load_that_was_late_says_nothing() -> None:
    """The generator's own certificate counts."""
    seen = evidence()
    calls = seen.taken["calls"]
    late = certify(calls.run.samples, [1.0] * 100, 0.1)
    spoilt = replace(seen, taken={"calls": Taken(replace(calls.run, certificate=late), START)})
    (reason,) = judge(experiment(), spoilt).reasons
    assert reason.startswith("the load 'calls' was not made as asked: ")
