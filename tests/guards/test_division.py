import pytest

from dynogate.guards.division import Division
from dynogate.guards.rates import read_rates

[RATE] = read_rates("10/second", "client", "DYNOGATE_RATE_LIMIT")


def allowed(division: Division, client_id: str, now: float, calls: int = 100) -> int:
    return sum(division.take(client_id, now) == 0.0 for _ in range(calls))


def test_a_client_alone_may_use_all() -> None:
    """There is nobody to divide with."""
    assert allowed(Division(RATE), "a", 0.5) == 10


def test_those_that_are_active_have_equal_parts() -> None:
    """From the window on in which they are known."""
    division = Division(RATE)
    for client_id in "ab":
        assert allowed(division, client_id, 0.5, calls=1) == 1
    assert allowed(division, "a", 1.99) == 5
    assert allowed(division, "b", 1.99) == 5


def test_parts_slide_with_time() -> None:
    """Half a window later half of the part is free again."""
    division = Division(RATE)
    assert allowed(division, "a", 1.0) == 10
    assert allowed(division, "a", 2.5) == 5


def test_one_that_is_idle_leaves_its_part_to_the_others() -> None:
    """Two windows after its last call."""
    division = Division(RATE)
    for client_id in "ab":
        allowed(division, client_id, 0.5, calls=1)
    assert allowed(division, "a", 5.0) == 10


def test_a_wait_is_at_most_a_window() -> None:
    """Until the next one begins."""
    division = Division(RATE)
    allowed(division, "a", 1.25)
    assert division.take("a", 1.25) == pytest.approx(0.75)


def test_names_are_bounded() -> None:
    """Beyond 64 they count as one client, with its part; each has one call at least."""
    division = Division(RATE)
    assert sum(allowed(division, f"id{number}", 1.0, calls=1) for number in range(64)) == 64
    assert sum(allowed(division, f"more{number}", 1.0, calls=1) for number in range(100)) == 1
