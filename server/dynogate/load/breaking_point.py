"""Where a server stops keeping up with an open loop: the search, and the knee with its interval.

The search knows no network. It asks a function for one ``Step`` at a load, goes up geometrically
until the rule breaks, halves the bracket, and does the last part again, so that one lucky or
unlucky step does not decide.

The knee is the rate of successes that the server sustained at the edge, not the load that the rule
let through: a rule that tolerates 5 % missing passes loads up to 5 % over the capacity, but what
comes back is never more than the capacity.
"""

import math
from collections.abc import Awaitable, Callable, Sequence
from dataclasses import dataclass
from typing import Literal

import numpy as np
from scipy.special import stdtrit

from dynogate.load import units
from dynogate.load.steps import Rule, Step

Measure = Callable[[float], Awaitable[Step]]
"""Offers a load and says what came of it. It must leave the server idle again: a queue left by one
step would be counted against the next."""

CONFIDENCE = 0.95
COLLAPSE = 0.02
"""A server collapses where it serves less by more than this share of what it served below."""


@dataclass(frozen=True, slots=True)
class Search:
    """How a breaking point is looked for.

    Attributes:
        start: the first load, in calls a second.
        limit: the most that is offered.
        growth: factor from one step of the ramp to the next.
        resolution: the bracket is halved until its ends are this factor apart.
        repeats: how often the edge is looked for, at least 3.
        lightest: the least that is offered where already ``start`` is too much.
    """

    start: float = 10.0
    limit: float = 10_000.0
    growth: float = 2.0
    resolution: float = 1.05
    repeats: int = 3
    lightest: float = 0.5

    def __post_init__(self) -> None:
        if not 0 < self.lightest <= self.start <= self.limit:
            raise ValueError(
                f"loads must increase from above 0: lightest {self.lightest:g}, "
                f"start {self.start:g}, limit {self.limit:g}"
            )
        if self.growth <= 1 or self.resolution <= 1:
            raise ValueError("growth and resolution are factors above 1")
        if self.repeats < 3:
            raise ValueError(f"{self.repeats} repeats give no interval; at least 3 do")


@dataclass(frozen=True, slots=True)
class Edge:
    """One finding of the edge: the highest load that was held, and the lowest above it that broke.

    A server that serves as much just above the edge as just below it has reached its capacity, and
    both rates are measurements of it. One that serves clearly less collapses under overload: then
    only the load itself bounds what it might have sustained.
    """

    held: Step
    broke: Step

    @property
    def low(self) -> float:
        """A rate that was sustained."""
        return self.held.goodput if self._collapsed else min(self._rates)

    @property
    def high(self) -> float:
        """The most that could be sustained."""
        return self.broke.load if self._collapsed else max(self._rates)

    @property
    def _rates(self) -> tuple[float, float]:
        return self.held.goodput, self.broke.goodput

    @property
    def _collapsed(self) -> bool:
        return self.broke.goodput < (1 - COLLAPSE) * self.held.goodput


@dataclass(frozen=True, slots=True)
class BreakingPoint:
    """Where the server breaks.

    Attributes:
        verdict: ``found``; ``not reached`` where even the most that was offered was held; ``at
            once`` where not even the lightest was.
        rule: what breaking means.
        knee: successes a second that the server sustains; None unless found.
        low: lower end of its 95 % interval.
        high: upper end.
        broken_by: what of the rule broke first above the knee.
        edges: each finding of the edge.
        steps: all that was measured, in order.
    """

    verdict: Literal["found", "not reached", "at once"]
    rule: Rule
    knee: float | None = None
    low: float | None = None
    high: float | None = None
    broken_by: str | None = None
    edges: tuple[Edge, ...] = ()
    steps: tuple[Step, ...] = ()

    @property
    def text(self) -> str:
        """The finding in words."""
        if self.verdict == "found":
            interval = f"{units.number(self.low)} to {units.number(self.high)}"
            return f"breaks at {units.number(self.knee)}/s ({interval}): {self.broken_by}"
        if self.verdict == "at once":
            lightest = min(step.load for step in self.steps)
            return f"does not even hold {units.number(lightest)}/s: {self.broken_by}"
        return f"never broke, up to {units.number(max(step.load for step in self.steps))}/s"


async def find_breaking_point(
    measure: Measure, rule: Rule | None = None, search: Search | None = None
) -> BreakingPoint:
    """Look for the load at which ``rule`` breaks.

    Args:
        measure: offers one load, in calls a second.
        rule: when a load counts as held.
        search: where to look, and how closely.
    """
    return await _Hunt(measure, rule or Rule(), search or Search()).run()


class _Hunt:
    def __init__(self, measure: Measure, rule: Rule, search: Search) -> None:
        self.measure, self.rule, self.search = measure, rule, search
        self.steps: list[Step] = []

    async def run(self) -> BreakingPoint:
        edges: list[Edge] = []
        start, growth = self.search.start, self.search.growth
        while len(edges) < self.search.repeats:
            found = await self.bracket(start, growth)
            if isinstance(found, BreakingPoint):
                return found
            edges.append(await self.halve(found))
            start = math.sqrt(edges[-1].held.load * edges[-1].broke.load)
            # The next findings start at the last one and take small steps away from it.
            growth = min(self.search.growth, self.search.resolution**3)
        low, knee, high = _interval(edges)
        return BreakingPoint(
            "found",
            self.rule,
            knee,
            low,
            high,
            self.rule.broken_by(edges[-1].broke),
            tuple(edges),
            tuple(self.steps),
        )

    async def bracket(self, start: float, growth: float) -> Edge | BreakingPoint:
        """The first held and broken loads, next to each other on the ramp from ``start``."""
        step = await self.offer(start)
        if self.rule.holds(step):
            while step.load < self.search.limit:
                higher = await self.offer(min(step.load * growth, self.search.limit))
                if not self.rule.holds(higher):
                    return Edge(step, higher)
                step = higher
            return BreakingPoint("not reached", self.rule, steps=tuple(self.steps))
        while step.load > self.search.lightest:
            lower = await self.offer(max(step.load / growth, self.search.lightest))
            if self.rule.holds(lower):
                return Edge(lower, step)
            step = lower
        reason = self.rule.broken_by(step)
        return BreakingPoint("at once", self.rule, broken_by=reason, steps=tuple(self.steps))

    async def halve(self, edge: Edge) -> Edge:
        """Bisection, in ratios, until the bracket is narrow enough."""
        while edge.broke.load > edge.held.load * self.search.resolution:
            step = await self.offer(math.sqrt(edge.held.load * edge.broke.load))
            edge = Edge(step, edge.broke) if self.rule.holds(step) else Edge(edge.held, step)
        return edge

    async def offer(self, load: float) -> Step:
        step = await self.measure(load)
        self.steps.append(step)
        return step


def _interval(edges: Sequence[Edge]) -> tuple[float, float, float]:
    """Lower end, knee, upper end: Student's interval around both sides of the bracket.

    Three repeats may agree by luck: they are not taken to scatter less than the rates within a
    step say that they must.
    """
    lows, highs = np.array([e.low for e in edges]), np.array([e.high for e in edges])
    within = math.sqrt(float(np.mean([edge.held.goodput_error**2 for edge in edges])))
    reach = float(stdtrit(len(edges) - 1, 0.5 + CONFIDENCE / 2)) / math.sqrt(len(edges))
    low = float(lows.mean()) - reach * max(float(lows.std(ddof=1)), within)
    high = float(highs.mean()) + reach * max(float(highs.std(ddof=1)), within)
    knee = float((lows.mean() + highs.mean()) / 2)
    return max(low, 0.0), knee, high
