from dynogate.guards.shedding import Shedder


def shed(shedder: Shedder, calls: int = 100) -> int:
    return sum(shedder.sheds() for _ in range(calls))


def test_one_late_moment_is_nothing() -> None:
    """A pause of the garbage collector, say."""
    shedder = Shedder(0.25)
    for lag in (2.0, 0.01, 2.0, 0.2):
        shedder.beat(lag)
        assert shed(shedder) == 0


def test_a_late_loop_sheds_ever_more() -> None:
    """Up to nine calls of ten, so that its end is noticed; the later, the sooner."""
    slow, slower = Shedder(0.25), Shedder(0.25)
    parts = []
    for _ in range(20):
        slow.beat(0.3)
        slower.beat(1.0)
        parts.append(slow.part)
        assert slower.part >= slow.part
    assert parts == sorted(parts)
    assert parts[-1] == 0.9
    assert 89 <= shed(slow) <= 90


def test_shedding_ends_with_the_overload() -> None:
    """Step by step, down to nothing."""
    shedder = Shedder(0.25)
    for _ in range(20):
        shedder.beat(1.0)
    parts = []
    for _ in range(20):
        shedder.beat(0.0)
        parts.append(shedder.part)
    assert parts == sorted(parts, reverse=True)
    assert 0.7 < parts[0] < 0.9
    assert parts[-1] == 0.0
    assert shed(shedder) == 0
