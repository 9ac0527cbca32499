"""The knee of servers whose capacity is known, and servers that have none to find."""

import asyncio

import numpy as np
import pytest

from benchmarks.breaking_point import SERVERS, holds, search
from dynogate.load.breaking_point import BreakingPoint, Measure, Search, find_breaking_point
from dynogate.load.steps import Rule, Step


def answering(capacity: float, p99_over: float = 1e9) -> Measure:
    """A server of fixed capacity, exact to the last call."""

    async def measure(load: float) -> Step:
        goodput = min(load, capacity)
        p99 = 5.0 if load > p99_over else 0.01
        return Step(load, load, goodput, 1.0, 0.01, 0.01, p99, goodput * 0.01, 100)

    return measure


def collapsing(capacity: float) -> Measure:
    """A server that serves a third of its capacity once it is overloaded."""
    generator = np.random.default_rng(1)

    async def measure(load: float) -> Step:
        real = capacity * generator.normal(1, 0.01)
        goodput = load if load <= real else real / 3
        return Step(load, load, goodput, goodput / load, 0.01, 0.01, 0.01, 1.0, 100)

    return measure


def find(measure: Measure, search: Search | None = None) -> BreakingPoint:
    return asyncio.run(find_breaking_point(measure, Rule(), search))


def test_the_true_knee_lies_inside_the_interval() -> None:
    """Queues without a bound, queues that shed, one worker or thirty-two."""
    found = [asyncio.run(search(server, seed)) for seed, server in enumerate(SERVERS)]
    inside = [holds(each, server) for each, server in zip(found, SERVERS, strict=True)]
    assert sum(inside) >= 9


@pytest.mark.parametrize("capacity", [0.9, 7.0, 43.6, 1000.0, 9000.0])
def test_an_exact_server_is_found_exactly(capacity: float) -> None:
    """Wherever the ramp begins, above the knee or below."""
    found = find(answering(capacity))
    assert found.verdict == "found"
    assert found.knee == pytest.approx(capacity, rel=0.05)
    assert found.low is not None
    assert found.high is not None
    assert found.low <= capacity * (1 + 1e-9)
    assert found.high >= capacity * (1 - 1e-9)


def test_a_collapse_is_bounded_by_the_load() -> None:
    """What still comes back under overload says nothing of the capacity."""
    found = find(collapsing(200))
    assert found.low is not None
    assert found.high is not None
    assert found.low <= 200 <= found.high
    assert found.low > 150


def test_repeats_that_agree_by_luck_are_not_taken_for_certainty() -> None:
    """A step that scatters by 2 % cannot give a knee to the last digit."""

    async def measure(load: float) -> Step:
        goodput = min(load, 100.0)
        error = 0.02 * goodput
        return Step(load, load, goodput, 1.0, 0.01, 0.01, 0.01, 1.0, 100, goodput_error=error)

    found = find(measure)
    assert found.low is not None
    assert found.high is not None
    assert found.low < 97
    assert found.high > 103


def test_a_latency_limit_can_break_first() -> None:
    """The knee is where the rule breaks, and the report says which part of it."""
    found = find(answering(1000.0, p99_over=100.0))
    assert found.knee == pytest.approx(100, rel=0.05)
    assert found.text.startswith("breaks at ")
    assert found.text.endswith("p99 5.00 s, over 1.00 s")


def test_a_server_that_never_breaks_has_no_knee() -> None:
    """The answer is how far one went, not a number made up."""
    found = find(answering(1e9), Search(limit=300))
    assert (found.verdict, found.knee) == ("not reached", None)
    assert found.text == "never broke, up to 300/s"


def test_a_server_that_holds_nothing_is_said_to_hold_nothing() -> None:
    """Down to the lightest load, with the reason."""
    found = find(answering(0.1), Search(lightest=1))
    assert (found.verdict, found.knee) == ("at once", None)
    assert found.text == "does not even hold 1.00/s: goodput 0.100/s of 1.00/s offered"


def test_the_edge_is_looked_for_at_least_three_times() -> None:
    """One unlucky step must not decide."""
    found = find(answering(43.6))
    assert len(found.edges) == 3
    assert all(edge.broke.load <= edge.held.load * 1.05 * (1 + 1e-9) for edge in found.edges)


@pytest.mark.parametrize(
    ("search", "message"),
    [
        ({"start": 0.1}, "loads must increase"),
        ({"limit": 5}, "loads must increase"),
        ({"growth": 1}, "factors above 1"),
        ({"resolution": 0.9}, "factors above 1"),
        ({"repeats": 2}, "2 repeats give no interval"),
    ],
)
def test_nonsense_searches_are_refused(search: dict[str, float], message: str) -> None:
    """Before anything is sent."""
    with pytest.raises(ValueError, match=message):
        Search(**search)  # type: ignore[arg-type]
