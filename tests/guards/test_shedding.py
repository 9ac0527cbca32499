import time

import pytest

from dynogate.errors import Busy
from dynogate.guards.shedding import Shedder
from tests.live import until


def refuses(shedder: Shedder, waited_sec: float) -> bool:
    try:
        shedder.check(time.monotonic() - waited_sec)
    except Busy:
        return True
    return False


def late(shedder: Shedder) -> bool:
    return shedder.is_late


def test_a_burst_may_wait_for_a_while() -> None:
    """Four times as long as the target; one late moment changes nothing."""
    shedder = Shedder(1.0)
    for lag in (0.0, 20.0, 0.1, 20.0):
        shedder.beat(lag)
        assert not refuses(shedder, 3.0)
        assert refuses(shedder, 4.1)
        assert not refuses(shedder, 0.5)
        assert not late(shedder)


def test_while_the_loop_stays_late_nobody_may_wait() -> None:
    """But for as long as the target; and then again as before."""
    shedder = Shedder(1.0)
    shedder.beat(1.1)
    shedder.beat(1.1)
    assert late(shedder)
    assert not refuses(shedder, 0.5)
    assert refuses(shedder, 1.1)
    shedder.beat(0.5)
    assert not late(shedder)
    assert not refuses(shedder, 3.0)


def test_where_every_call_is_late_nobody_may_wait(monkeypatch: pytest.MonkeyPatch) -> None:
    """Though the loop is in time: they wait where it cannot see them."""
    monkeypatch.setattr("dynogate.guards.shedding._INTERVAL_SEC", 0.1)
    shedder = Shedder(1.0)
    assert not refuses(shedder, 3.0)
    until(lambda: refuses(shedder, 3.0), "calls to be late for long", 10)
    assert late(shedder)
    assert not refuses(shedder, 0.5)
    assert not refuses(shedder, 3.0)


def test_two_bursts_with_nothing_between_are_two(monkeypatch: pytest.MonkeyPatch) -> None:
    """The second may wait as long as the first."""
    monkeypatch.setattr("dynogate.guards.shedding._INTERVAL_SEC", 0.05)
    shedder = Shedder(1.0)
    assert not refuses(shedder, 3.0)
    time.sleep(0.1)
    assert not refuses(shedder, 3.0)


def test_a_refused_call_is_told_when_to_come_back() -> None:
    """And which setting decides it."""
    with pytest.raises(Busy, match=r"for 9\.\d\d s \(DYNOGATE_SHED_LAG_SEC\)") as refused:
        Shedder(1.0).check(time.monotonic() - 9.0)
    assert refused.value.retry_after == 1.0
