"""Limits that a load run has to keep: pure evaluation, for the command and for Locust alike.

A run without a single answered call fails whatever was asked of it: nothing was measured.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Literal

from dynogate.errors import ConfigurationError
from dynogate.load import units
from dynogate.load.samples import Samples

Metric = Literal["error_rate", "p99", "rps"]

_OPTIONS: dict[Metric, str] = {
    "error_rate": "--max-error-rate",
    "p99": "--max-p99",
    "rps": "--min-rps",
}
_WORDS: dict[Metric, str] = {
    "error_rate": "share of failed calls",
    "p99": "p99 of the response time",
    "rps": "successes a second",
}
_UNITS: dict[Metric, dict[str, float]] = {
    "error_rate": {"%": 0.01},
    "p99": {"ms": 0.001, "s": 1.0},
    "rps": {"/s": 1.0},
}


@dataclass(frozen=True, slots=True)
class Threshold:
    """One limit.

    Attributes:
        metric: share of failed calls (0 to 1), p99 in seconds, or successes a second.
        limit: the most, or for ``rps`` the least, that is allowed.
        endpoint: the kind of call it is for; None for all calls together.
    """

    metric: Metric
    limit: float
    endpoint: str | None = None


@dataclass(frozen=True, slots=True)
class Observed:
    """What thresholds are held against; what could not be measured is NaN or None.

    Attributes:
        answered: calls that came to an end, good or bad.
        error_rate: share of them that failed; being pushed back (429, 503) is no failure.
        p99: of the response time, in seconds.
        rps: successes a second.
    """

    answered: int
    error_rate: float | None
    p99: float | None
    rps: float | None

    @classmethod
    def of(cls, samples: Samples) -> "Observed":
        """The figures of a run, or of one kind of its calls."""
        p99 = samples.response_percentiles().p99
        return cls(samples.answered, samples.error_rate, p99, samples.goodput)


@dataclass(frozen=True, slots=True)
class Judgement:
    """One limit, held against what was observed.

    Attributes:
        text: the limit and the figure in words.
        passed: whether it was kept.
        endpoint: the kind of call; None for all together.
    """

    text: str
    passed: bool
    endpoint: str | None = None


def parse_threshold(metric: Metric, text: str) -> Threshold:
    """A threshold as it is written on a command line: ``0.5``, ``500ms``, ``search=2s``, ``1%``.

    Raises:
        ConfigurationError: it is no such thing, or the limit is out of range.
    """
    endpoint, separator, value = text.rpartition("=")
    try:
        limit = _parsed(value.strip(), _UNITS[metric])
    except ValueError:
        limit = -1.0
    most = 1.0 if metric == "error_rate" else float("inf")
    if not 0 <= limit <= most or (separator and not endpoint):
        example = {"error_rate": "1% or 0.01", "p99": "500ms or 0.5", "rps": "100"}[metric]
        raise ConfigurationError(
            f"{_OPTIONS[metric]} {text!r} is no limit; write {example}, or NAME=LIMIT for one tool"
        )
    return Threshold(metric, limit, endpoint or None)


def _parsed(value: str, suffixes: Mapping[str, float]) -> float:
    for suffix, factor in suffixes.items():
        if value.endswith(suffix):
            return float(value.removesuffix(suffix)) * factor
    return float(value)


def judge(
    thresholds: Sequence[Threshold],
    everything: Observed,
    endpoints: Mapping[str, Observed] | None = None,
) -> tuple[Judgement, ...]:
    """Hold a run against its limits, in their order; the run passed where every one did.

    Args:
        thresholds: the limits; with none, the run still has to have answered calls.
        everything: of all calls together.
        endpoints: of each kind of call.
    """
    judged = [_judged(each, everything, endpoints or {}) for each in thresholds]
    if everything.answered == 0:
        judged.insert(0, Judgement("no call was answered: nothing was measured", passed=False))
    return tuple(judged)


def _judged(
    threshold: Threshold, everything: Observed, endpoints: Mapping[str, Observed]
) -> Judgement:
    name = threshold.endpoint
    observed = everything if name is None else endpoints.get(name)
    prefix = f"{name}: " if name else ""
    if observed is None or observed.answered == 0:
        return Judgement(f"{prefix}no call was answered", passed=False, endpoint=name)
    measured = getattr(observed, threshold.metric)
    least = threshold.metric == "rps"
    # Where nothing succeeded there is no p99 to keep a limit with: a comparison with NaN fails.
    known = float("nan") if measured is None else float(measured)
    passed = known >= threshold.limit if least else known <= threshold.limit
    words = f"{_WORDS[threshold.metric]} {_say(threshold.metric, measured)}"
    limit = f"{'at least' if least else 'at most'} {_say(threshold.metric, threshold.limit)}"
    return Judgement(f"{prefix}{words} ({limit})", passed=passed, endpoint=name)


def _say(metric: Metric, value: float | None) -> str:
    if metric == "error_rate":
        return units.percent(value)
    return units.seconds(value) if metric == "p99" else f"{units.number(value)}/s"
