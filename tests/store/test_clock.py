from datetime import UTC, datetime, timedelta, timezone

import pytest

from dynogate.store.clock import from_us, now_us, to_us


@pytest.mark.parametrize(
    "instant",
    [
        datetime(1, 1, 1, tzinfo=UTC),
        datetime(1969, 12, 31, 23, 59, 59, 999_999, tzinfo=UTC),
        datetime(2026, 2, 28, 12, 30, 1, 234_567, tzinfo=UTC),
        datetime(9999, 12, 31, 23, 59, 59, 999_999, tzinfo=UTC),
    ],
)
def test_an_instant_survives_to_the_microsecond(instant: datetime) -> None:
    """No float in between rounds it."""
    assert from_us(to_us(instant)) == instant


def test_an_instant_without_a_time_zone_is_utc() -> None:
    """Never this machine's own zone: two machines would disagree."""
    assert to_us(datetime.fromisoformat("2026-03-01")) == to_us(datetime(2026, 3, 1, tzinfo=UTC))


def test_an_instant_of_another_zone_is_the_same_instant() -> None:
    """Noon two hours east is ten o'clock UTC."""
    east = timezone(timedelta(hours=2))
    assert to_us(datetime(2026, 3, 1, 12, tzinfo=east)) == to_us(
        datetime(2026, 3, 1, 10, tzinfo=UTC)
    )


def test_now_is_now() -> None:
    """Microseconds, not milliseconds or nanoseconds."""
    assert abs(from_us(now_us()) - datetime.now(UTC)) < timedelta(seconds=5)
