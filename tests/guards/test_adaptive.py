import heapq
import random

import pytest

from dynogate.guards.adaptive import AdaptiveLimit

BASE_SEC = 0.01


def settle(
    limit: AdaptiveLimit, capacity: int, *, clients: int = 10_000, spread: float = 0.0
) -> float:
    """Put ``limit`` before something that serves ``capacity`` calls at once; where it ends up.

    Calls beyond the capacity slow all of them, in proportion; ``spread`` is noise on top.
    """
    seed = random.Random(3)
    for _ in range(5):
        limit.note("tool", BASE_SEC, 1)
    now, under_way, ends, seen = 0.0, 0, list[tuple[float, float]](), list[float]()
    for _ in range(20_000):
        while under_way < min(limit.limit, clients):
            under_way += 1
            took = BASE_SEC * max(1.0, under_way / capacity) * (1 + spread * seed.random())
            heapq.heappush(ends, (now + took, took))
        now, took = heapq.heappop(ends)
        limit.note("tool", took, under_way)
        under_way -= 1
        seen.append(limit.limit)
    return sum(seen[-2000:]) / 2000


@pytest.mark.parametrize("capacity", [4, 16, 64])
@pytest.mark.parametrize("spread", [0.0, 2.0])
def test_the_limit_finds_the_capacity(capacity: int, spread: float) -> None:
    """At least what can be served, and not so much that a call takes over three times as long."""
    found = settle(AdaptiveLimit(256), capacity, spread=spread)
    assert 0.9 * capacity <= found <= 3 * capacity


def test_the_limit_goes_up_again() -> None:
    """When what was slow gets faster."""
    limit = AdaptiveLimit(256)
    assert settle(limit, 4) < 20
    assert settle(limit, 64) > 60


@pytest.mark.parametrize("capacity", [300, 1000])
def test_the_limit_stays_within_its_bounds(capacity: int) -> None:
    """Where there is room for more than it may allow; and where nobody comes near it."""
    assert settle(AdaptiveLimit(256), capacity) == 256
    assert settle(AdaptiveLimit(256), capacity, clients=3) == 256
    assert settle(AdaptiveLimit(2), 1) == 2


def test_an_overload_does_not_become_what_is_usual() -> None:
    """However long it lasts."""
    limit = AdaptiveLimit(256)
    first = settle(limit, 16)
    for _ in range(3):
        settled = settle(limit, 16)
    assert settled < 1.5 * first
