"""Two load reports side by side: regression, improvement, or noise.

A figure has changed where the 99 % interval of after over before lies wholly beyond 10 % either
way. The interval comes from the time windows of both runs (``resampling``). It knows how the server
scattered within each run; it cannot know how it scatters from one run to the next (another
placement, other caches), which is what the 10 % are for: repeat a run that decides something.
"""

import math
from collections.abc import Iterator, Sequence
from typing import Literal

import numpy as np
from numpy.typing import NDArray
from pydantic import Field
from scipy.special import stdtrit

from dynogate.load import units
from dynogate.load.report.document import Report, Run
from dynogate.load.report.model import Model, figure
from dynogate.load.resampling import Resampled

MIN_CHANGE = 0.10
CONFIDENCE = 0.99
MORE_FAILURES = 0.01
"""Failures are compared by their difference: one call in a hundred."""

Verdict = Literal["regression", "improvement", "noise"]
Overall = Literal[Verdict, "incomparable"]
GOODPUT, KNEE, FAILURES = "successes a second", "breaking point", "share of failed calls"
MORE_IS_BETTER = (GOODPUT, KNEE)
OF_NO_CONSEQUENCE = {"command", "url", "pid", "json", "html", "quiet"}
"""Options that may differ between runs that are compared."""
Floats = NDArray[np.float64]


class Change(Model):
    """One figure, before and after."""

    run: str = Field(description="Which run of the report: concurrent, ramp-up, sustained.")
    figure: str
    before: float | None
    after: float | None
    ratio: float | None = Field(description="After over before; null where it was a difference.")
    low: float | None = Field(description="Lower end of the 99 % interval of ratio or difference.")
    high: float | None
    verdict: Verdict
    text: str


class Comparison(Model):
    """Two reports side by side."""

    verdict: Overall
    changes: tuple[Change, ...]
    caveats: tuple[str, ...] = Field(description="Why the reports may not be about the same.")

    @property
    def text(self) -> str:
        """The verdict, then what it rests on."""
        changes = (f"  {each.run}: {each.text}" for each in self.changes)
        caveats = (f"  beware: {each}" for each in self.caveats)
        return "\n".join([self.verdict, *changes, *caveats])


def compare_reports(
    before: Report, after: Report, *, min_change: float = MIN_CHANGE, seed: int = 0
) -> Comparison:
    """Say whether the server got worse, better, or neither can be told.

    Args:
        before: the report to hold the other against.
        after: the newer report.
        min_change: share that a figure must have changed by, beyond doubt.
        seed: of the resampling.

    Raises:
        ValueError: ``min_change`` is not between 0 and 1.
    """
    if not 0 <= min_change < 1:
        raise ValueError(f"a change of {min_change:g} is no share between 0 and 1")
    caveats = list(_differences(before, after))
    for name, report in (("before", before), ("after", after)):
        if report.verdict == "invalid":
            caveats.append(f"{name} is INVALID: its figures are the generator's, not the server's")
            return Comparison(verdict="incomparable", changes=(), caveats=tuple(caveats))
    newer = {run.name: run for run in after.runs}
    changes: list[Change] = []
    for run in before.runs:
        other = newer.get(run.name)
        if other is None:
            caveats.append(f"the newer report has no {run.name} run")
            continue
        changes += _knees(run, other, min_change)
        if run.steps:
            continue  # the figures of a ramp-up are those of one step; its knee tells more
        try:
            changes += _figures(run, other, min_change, seed)
        except ValueError as error:
            caveats.append(f"{run.name}: {error}")
    return Comparison(verdict=_overall(changes), changes=tuple(changes), caveats=tuple(caveats))


def _overall(changes: Sequence[Change]) -> Overall:
    """The worst of them; nothing compared is no noise."""
    found = {change.verdict for change in changes}
    ranked: tuple[Overall, ...] = ("regression", "improvement", "noise")
    return next((verdict for verdict in ranked if verdict in found), "incomparable")


def _differences(before: Report, after: Report) -> Iterator[str]:
    """What was not the same on both sides, though it should have been."""
    pairs = (
        ("target", before.target.calls, after.target.calls),
        ("transport", before.target.transport, after.target.transport),
        ("machine", before.environment.machine, after.environment.machine),
        ("engine", before.environment.engine, after.environment.engine),
        ("Python", before.environment.python, after.environment.python),
    )
    for what, old, new in pairs:
        if old != new:
            yield f"another {what}: {_listed(old)}, then {_listed(new)}"
    for name in sorted(({*before.options} & {*after.options}) - OF_NO_CONSEQUENCE):
        if before.options[name] != after.options[name]:
            yield f"another {name}: {before.options[name]}, then {after.options[name]}"


def _listed(value: str | tuple[str, ...]) -> str:
    return value if isinstance(value, str) else ", ".join(value)


def _figures(before: Run, after: Run, min_change: float, seed: int) -> Iterator[Change]:
    """Latency, speed and failures over the whole of two runs.

    Raises:
        ValueError: a run is too short.
    """
    old, new = Resampled(before.windows, seed), Resampled(after.windows, seed + 1)
    for q in (0.5, 0.95, 0.99):
        name = f"p{100 * q:.0f} of the response time"
        yield _ratio(before.name, name, old.quantile(q), new.quantile(q), min_change)
    rates = old.rate("succeeded", "length"), new.rate("succeeded", "length")
    yield _ratio(before.name, GOODPUT, *rates, min_change)
    yield _failures(before.name, old.rate("failed", "calls"), new.rate("failed", "calls"))


def _ratio(
    run: str, name: str, old: tuple[float, Floats], new: tuple[float, Floats], min_change: float
) -> Change:
    with np.errstate(invalid="ignore", divide="ignore"):
        low, high = np.exp(_ends(np.log(new[1]) - np.log(old[1])))
    return _change(run, name, (old[0], new[0]), (float(low), float(high)), min_change)


def _knees(before: Run, after: Run, min_change: float) -> Iterator[Change]:
    """The breaking points, by Welch's interval on the logarithms of their repeats."""
    old, new = before.breaking_point, after.breaking_point
    if old is None or new is None or old.knee is None or new.knee is None:
        return
    logs = [np.log(np.asarray(each.edges)) for each in (old, new)]
    parts = [float(each.var(ddof=1)) / each.size for each in logs]
    error = math.sqrt(sum(parts))
    # Each variance counts by its own number of repeats (Welch and Satterthwaite).
    below = sum(part**2 / (each.size - 1) for part, each in zip(parts, logs, strict=True))
    freedom = sum(parts) ** 2 / below if below else 1.0
    reach = float(stdtrit(freedom, 0.5 + CONFIDENCE / 2)) * error
    middle = float(logs[1].mean() - logs[0].mean())
    ends = math.exp(middle - reach), math.exp(middle + reach)
    yield _change(before.name, KNEE, (old.knee.value, new.knee.value), ends, min_change)


def _change(
    run: str,
    name: str,
    values: tuple[float, float],
    ends: tuple[float, float],
    min_change: float,
) -> Change:
    """A ratio with its interval: beyond the least change that counts, or not."""
    old, new = values
    low, high = ends
    more, less = low > 1 + min_change, high < 1 / (1 + min_change)
    worse, better = (less, more) if name in MORE_IS_BETTER else (more, less)
    verdict: Verdict = "regression" if worse else "improvement" if better else "noise"
    say = (lambda rate: f"{units.number(rate)}/s") if name in MORE_IS_BETTER else units.seconds
    return Change(
        run=run,
        figure=name,
        before=figure(old),
        after=figure(new),
        ratio=figure(new / old if old else math.nan),
        low=figure(low),
        high=figure(high),
        verdict=verdict,
        text=f"{verdict}: {name} {say(old)} -> {say(new)} "
        f"(ratio {units.number(low)} to {units.number(high)})",
    )


def _failures(run: str, old: tuple[float, Floats], new: tuple[float, Floats]) -> Change:
    low, high = _ends(new[1] - old[1])
    verdict: Verdict = "noise"
    if low > MORE_FAILURES:
        verdict = "regression"
    elif high < -MORE_FAILURES:
        verdict = "improvement"
    change = f"{units.percent(low)} to {units.percent(high)}"
    return Change(
        run=run,
        figure=FAILURES,
        before=figure(old[0]),
        after=figure(new[0]),
        ratio=None,
        low=figure(low),
        high=figure(high),
        verdict=verdict,
        text=f"{verdict}: {FAILURES} {units.percent(old[0])} -> {units.percent(new[0])} "
        f"(change {change})",
    )


def _ends(drawn: Floats) -> tuple[float, float]:
    """The percentile interval of what was drawn; NaN where some draws had nothing to measure."""
    if np.isnan(drawn).any():
        return math.nan, math.nan
    tail = 50 * (1 - CONFIDENCE)
    low, high = np.percentile(drawn, [tail, 100 - tail])
    return float(low), float(high)
