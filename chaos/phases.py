"""The load of an experiment cut into what was before, during and after the fault."""

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import datetime
from typing import Any

import numpy as np

from chaos.load import Taken
from chaos.spec import Phase, Window
from dynogate.load.samples import FAILURES, Outcome, Samples

_WARM_UP = 0.5
"""Seconds in which a load opens its connections."""
_OUTCOMES = {outcome.name.lower(): outcome for outcome in Outcome}


@dataclass(frozen=True, slots=True)
class Span:
    """When the fault was in, in seconds since 1970."""

    begins: float
    ends: float


def span_of(window: Window, runs: Sequence[Mapping[str, Any]]) -> Span | None:
    """The window by the journal's clock; None where an end of it never came."""
    by_name = {run["activity"].get("name"): run for run in runs}
    first, last = by_name.get(window.begins), by_name.get(window.ends)
    if first is None or last is None or "end" not in last:
        return None
    return Span(_seconds(first["start"]), _seconds(last["end"]))


def _seconds(stamp: str) -> float:
    return datetime.fromisoformat(stamp).timestamp()


def phase(taken: Taken, span: Span, which: Phase) -> Samples:
    """The calls of one phase.

    A call that was under way when the fault began belongs to the fault. Those of the first half
    second, which open the connections, are in ``all`` only.
    """
    samples = taken.run.samples
    begins, ends = span.begins - taken.start, span.ends - taken.start
    before = samples.finished < begins  # false where it never finished
    after = samples.intended >= ends
    warm = samples.intended >= _WARM_UP
    masks = {
        "base": before & warm,
        "fault": ~before & ~after,
        "after": after,
        "all": before | ~before,
    }
    lengths = {
        "base": begins - _WARM_UP,
        "fault": ends - begins,
        "after": samples.duration - ends,
        "all": samples.duration,
    }
    mask = masks[which]
    return replace(
        samples,
        duration=max(lengths[which], 1e-9),
        intended=samples.intended[mask],
        sent=samples.sent[mask],
        finished=samples.finished[mask],
        outcome=samples.outcome[mask],
        kind=samples.kind[mask],
    )


def figure(samples: Samples, name: str) -> float:
    """A figure of these calls: seconds, a count, a share or a rate; NaN where unknown.

    Raises:
        KeyError: there is no such figure.
    """
    if name in {"p50", "p95", "p99", "max"}:
        return float(getattr(samples.response_percentiles(), name))
    if name in _OUTCOMES:
        return float(samples.count(_OUTCOMES[name]))
    figures = {
        "calls": float(len(samples)),
        "slowest": _slowest(samples),
        "failures": float(samples.count(*FAILURES)),
        "error_rate": samples.error_rate,
        "success_rate": samples.success_rate,
        "goodput": samples.count(Outcome.OK) / samples.duration,
    }
    return figures[name]


def _slowest(samples: Samples) -> float:
    """The longest time until any answer, good or bad; NaN where there was none."""
    times = samples.response_time
    answered = times[~np.isnan(times)]
    return float(answered.max()) if answered.size else math.nan
