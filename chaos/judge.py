"""The verdict on an experiment: green only where nothing was taken on trust.

The Chaos Toolkit calls a run fine (exit status 0) whose action failed, returned False or asked for
a toxic that does not exist, and never looks at a method probe's tolerance. So every activity is
looked at here, and what the journal cannot know is asked for besides: proof that the fault bit, no
toxic left, a load that was really made, the bars, the recovery.
"""

import math
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from chaoslib.hypothesis import within_tolerance

from chaos.evidence import Evidence
from chaos.phases import Span, figure, phase, span_of
from chaos.spec import Bar, Experiment, Limit
from dynogate.load import units
from dynogate.load.recovery import recovery_time

_FEWEST = 20
"""Calls of a stream in the base and in the fault phase, at least: fewer have no percentile."""
_LEAST_AFTER = 2.0
"""Seconds that a stream must go on after the fault, for its recovery to be seen."""
_RECOVERED_FLOOR = 0.05
"""Seconds that a call may always take and still count as served as before: the machine's noise."""

Run = Mapping[str, Any]


@dataclass(frozen=True, slots=True)
class BarResult:
    """A bar, held against its figure.

    Attributes:
        says: what is kept.
        text: the figure and its limits in words.
        passed: whether it was kept.
    """

    says: str
    text: str
    passed: bool


@dataclass(frozen=True, slots=True)
class Verdict:
    """What became of an experiment.

    Attributes:
        reasons: why it is not green; none where it is.
        bars: each with its figure.
        proofs: of the fault, in words, each with whether it bit.
        span: when the fault was in.
        recovery: seconds until calls were served as before; None where that was not asked for,
            or did not happen.
    """

    reasons: tuple[str, ...]
    bars: tuple[BarResult, ...] = ()
    proofs: tuple[tuple[str, bool], ...] = ()
    span: Span | None = None
    recovery: float | None = None

    @property
    def green(self) -> bool:
        """Whether nothing speaks against it."""
        return not self.reasons


def judge(experiment: Experiment, evidence: Evidence) -> Verdict:
    """Judge a run from what it left behind."""
    reasons = [*evidence.broken, *evidence.leftovers]
    if evidence.stopped:
        reasons.append(f"it was stopped before its end: {evidence.stopped}")
    journal = evidence.journal
    if journal is None:
        return Verdict((*reasons, "the Chaos Toolkit left no journal"))
    reasons += _journal(experiment, journal)
    proofs = tuple(_proofs(experiment, journal["run"]))
    reasons += [text for text, bit in proofs if not bit]
    span = span_of(experiment.spec.window, journal["run"])
    if span is None:
        return Verdict((*reasons, "the fault's window never came to its end"), proofs=proofs)
    reasons += _load(experiment, evidence, span)
    bars = tuple(_bar(bar, evidence, span) for bar in experiment.spec.passes_when)
    reasons += [f"not kept: {bar.says}: {bar.text}" for bar in bars if not bar.passed]
    recovery, late = _recovery(experiment, evidence, span)
    return Verdict((*reasons, *late), bars, proofs, span, recovery)


def _journal(experiment: Experiment, journal: Mapping[str, Any]) -> Iterator[str]:
    if journal["status"] != "completed":
        yield f"the journal's status is {journal['status']!r}"
    if journal["deviated"]:
        yield "the steady state deviated"
    for when in ("before", "after"):
        state = journal["steady_states"][when]
        if state is None or not state["steady_state_met"]:
            yield f"no steady state {when} the fault{_why_unsteady(state)}"
    for part, key in (("method", "run"), ("rollbacks", "rollbacks")):
        declared, runs = experiment.document[part], journal[key]
        if len(runs) != len(declared):
            yield f"{len(runs)} of {len(declared)} activities of the {part} were run"
        for run in runs:
            yield from _activity(run, journal)


def _why_unsteady(state: Mapping[str, Any] | None) -> str:
    if state is None:
        return ": it was not looked at"
    wrong = [p for p in state["probes"] if not p.get("tolerance_met")]
    return "".join(f": {p['activity']['name']}: {_failure(p) or p.get('output')}" for p in wrong)


def _activity(run: Run, journal: Mapping[str, Any]) -> Iterator[str]:
    activity, output = run["activity"], run.get("output")
    name = f"{activity['type']} {activity['name']!r}"
    if run.get("status") != "succeeded":
        yield f"{name} {run.get('status', 'never ended')}: {_failure(run)}"
        return
    if activity["type"] == "action" and output is False:
        yield f"{name} returned False"
    if "tolerance" in activity:
        configuration = journal["experiment"].get("configuration", {})
        if not within_tolerance(activity["tolerance"], output, configuration=configuration):
            yield f"{name} is out of its tolerance: {output!r:.200}"
    elif isinstance(output, dict) and _program_failed(activity, output):
        yield f"{name} ended with status {output['status']}"


def _program_failed(activity: Mapping[str, Any], output: Mapping[str, Any]) -> bool:
    """A program's or a web server's failure, which the kit takes for a result like any other."""
    kind, status = activity["provider"]["type"], output.get("status", 0)
    return bool((kind == "process" and status != 0) or (kind == "http" and status >= 400))


def _failure(run: Run) -> str:
    lines = run.get("exception") or [""]
    return str(lines[-1]).strip()[:600]


def _proofs(experiment: Experiment, runs: Sequence[Run]) -> Iterator[tuple[str, bool]]:
    by_name = {run["activity"]["name"]: run for run in runs}
    for name in experiment.spec.proof:
        run = by_name.get(name)
        output = run.get("output") if run is not None else None
        if not isinstance(output, dict) or "bit" not in output:
            yield f"no proof that the fault bit: {name!r} brought none", False
        elif output["bit"] is not True:
            yield f"the fault did not bite: {output.get('text', name)}", False
        else:
            yield str(output["text"]), True


def _load(experiment: Experiment, evidence: Evidence, span: Span) -> Iterator[str]:
    for stream in experiment.spec.streams:
        taken = evidence.taken.get(stream.name)
        if taken is None:
            yield f"the load {stream.name!r} was not made"
            continue
        yield from (
            f"the load {stream.name!r} was not made as asked: {reason}"
            for reason in taken.run.certificate.reasons
        )
        for part in ("base", "fault"):
            calls = len(phase(taken, span, part))
            if calls < _FEWEST:
                yield f"the load {stream.name!r} made {calls} calls in the {part} phase only"
        if taken.start + taken.run.samples.duration < span.ends:
            yield f"the load {stream.name!r} ended before the fault did"


def _bar(bar: Bar, evidence: Evidence, span: Span) -> BarResult:
    value = _value(bar, evidence, span)
    limits = []
    passed = not math.isnan(value)
    for limit, word in ((bar.at_most, "at most"), (bar.at_least, "at least")):
        if limit is None:
            continue
        allowed = _allowed(limit, bar, evidence, span)
        limits.append(f"{word} {_say(bar.figure, allowed)}{_made_of(limit, bar.figure)}")
        # A comparison with NaN, where nothing was measured, is false: not kept.
        kept = value <= allowed if word == "at most" else value >= allowed
        passed = passed and kept
    return BarResult(bar.says, f"{_say(bar.figure, value)} ({', '.join(limits)})", passed)


def _value(bar: Bar, evidence: Evidence, span: Span) -> float:
    if bar.probe is not None:
        assert evidence.journal is not None
        runs = evidence.journal["run"]
        outputs = [run.get("output") for run in runs if run["activity"]["name"] == bar.probe]
        return _number(outputs[0] if outputs else None, bar.figure)
    assert bar.stream is not None
    taken = evidence.taken.get(bar.stream)
    return math.nan if taken is None else figure(phase(taken, span, bar.during), bar.figure)


def _number(output: object, name: str) -> float:
    """A probe's value: of its figures, of itself, or itself where it is a number."""
    if isinstance(output, dict):
        output = output.get("figures", {}).get(name, output.get(name))
    return float(output) if isinstance(output, (int, float)) else math.nan


def _allowed(limit: float | Limit, bar: Bar, evidence: Evidence, span: Span) -> float:
    if not isinstance(limit, Limit):
        return limit
    base = _value(bar.model_copy(update={"during": "base"}), evidence, span)
    return limit.times * base + limit.plus


def _made_of(limit: float | Limit, name: str) -> str:
    if not isinstance(limit, Limit):
        return ""
    times = f" times {limit.times:g}" if limit.times != 1 else ""
    plus = f" plus {_say(name, limit.plus)}" if limit.plus else ""
    return f": the base{times}{plus}"


def _say(name: str, value: float) -> str:
    value = float(value)
    if name in {"p50", "p95", "p99", "max", "slowest", "longer", "seconds"}:
        return units.seconds(value)
    if name.endswith("_rate"):
        return units.percent(value)
    return f"{value:,.0f}" if value.is_integer() else units.number(value)


def _recovery(
    experiment: Experiment, evidence: Evidence, span: Span
) -> tuple[float | None, tuple[str, ...]]:
    asked = experiment.spec.recovery
    if asked is None:
        return None, ()
    taken = evidence.taken.get(asked.stream)
    if taken is None:
        return None, ("the recovery was not measured",)
    samples = taken.run.samples
    ended = span.ends - taken.start
    normal = max(figure(phase(taken, span, "base"), "p95"), _RECOVERED_FLOOR)
    if samples.duration - ended < _LEAST_AFTER:
        return None, (f"the load ended {samples.duration - ended:.1f} s after the fault: too soon",)
    took = recovery_time(samples, ended, normal)
    if took is None:
        return None, (f"{asked.stream!r} did not recover while the load lasted",)
    late = took > asked.within
    reason = f"{asked.stream!r} recovered after {took:g} s, not within {asked.within:g} s"
    return took, (reason,) if late else ()
