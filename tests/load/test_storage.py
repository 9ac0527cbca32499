"""Stored load reports, on SQLite and PostgreSQL."""

from collections.abc import Iterator
from datetime import UTC, datetime

import pytest
from sqlalchemy import text

from dynogate.errors import InvalidParams, UnreadableReport
from dynogate.load.storage import LoadReportStorage
from dynogate.store.database import Database
from tests.load.plans import result


@pytest.fixture
def database(store_url: str) -> Iterator[Database]:
    opened = Database(store_url)
    opened.migrate()
    yield opened
    opened.close()


@pytest.fixture
def storage(database: Database) -> LoadReportStorage:
    return LoadReportStorage(database)


def test_a_stored_report_comes_back_whole(storage: LoadReportStorage) -> None:
    """Its figures, its text with characters that no database takes, and its document."""
    report_id = storage.store(result(b'{"a": 1}' * 1000, text="HELD \0", breaking_point=12.5))
    found = storage.summary(report_id)
    assert found is not None
    assert (found.report_id, found.tools, found.breaking_point) == (
        report_id,
        ("ping", "list"),
        12.5,
    )
    assert (found.verdict, found.p99_sec, found.calls) == ("held", 0.003, 1000)
    assert 0 < found.stored_bytes < 2000
    assert storage.text(report_id) == "HELD \\x00"
    assert storage.document(report_id) == b'{"a": 1}' * 1000
    assert storage.ids("load_", 5) == (report_id,)
    assert storage.ids("%", 5) == ()


@pytest.mark.parametrize("report_id", ["load_unknown", "", "a\0b", "\udcff", "x' OR 1=1 --"])
def test_an_unknown_id_is_none(storage: LoadReportStorage, report_id: str) -> None:
    """However it is asked for."""
    assert storage.summary(report_id) is None
    assert storage.text(report_id) is None
    assert storage.document(report_id) is None


def test_pages_follow_each_other_without_gap_or_repeat(storage: LoadReportStorage) -> None:
    """Newest first, also where reports share an instant."""
    ids = [storage.store(result(created_us=1_000_000 + number // 3)) for number in range(8)]
    seen: list[str] = []
    cursor: str | None = None
    for _ in range(3):
        page = storage.list(cursor=cursor, limit=3)
        seen += [each.report_id for each in page.reports]
        cursor = page.next_cursor
    assert cursor is None
    assert seen == ids[::-1]


def test_every_filter_holds(storage: LoadReportStorage) -> None:
    """Alone and together, and a cursor belongs to its filters."""
    at = [datetime(2026, 3, 1, 12, minute, tzinfo=UTC) for minute in range(3)]
    us = [round(each.timestamp() * 1e6) for each in at]
    one = storage.store(result(created_us=us[0], url="http://a"))
    two = storage.store(result(created_us=us[1], url="http://a", verdict="failed"))
    three = storage.store(result(created_us=us[2], url="http://b"))

    def ids(**wanted: object) -> list[str]:
        return [each.report_id for each in storage.list(**wanted).reports]  # type: ignore[arg-type]

    assert ids(url="http://a") == [two, one]
    assert ids(verdict="held") == [three, one]
    assert ids(since=at[1]) == [three, two]
    assert ids(until=at[1]) == [one]
    assert ids(url="http://a", verdict="held", since=at[0], until=at[2]) == [one]
    cursor = storage.list(url="http://a", limit=1).next_cursor
    for bad in (cursor, "x", ""):
        with pytest.raises(InvalidParams, match="cursor"):
            storage.list(url="http://b", cursor=bad)


@pytest.mark.parametrize("limits", [{"max_reports": 2}, {"max_bytes": 1300}])
def test_the_oldest_go_first(database: Database, limits: dict[str, int]) -> None:
    """Beyond so many, or so many bytes."""
    storage = LoadReportStorage(database, **limits)
    ids = [storage.store(result()) for _ in range(4)]
    assert [each.report_id for each in storage.list().reports] == ids[:1:-1]
    assert storage.count() == 2


def test_a_damaged_report_is_told(database: Database, storage: LoadReportStorage) -> None:
    """And the others are not affected."""
    damaged, sound = storage.store(result()), storage.store(result())
    with database.write() as connection:
        statement = text("UPDATE load_reports SET document = :junk WHERE id = :id")
        connection.execute(statement, {"junk": b"junk", "id": damaged})
    with pytest.raises(UnreadableReport, match=damaged):
        storage.document(damaged)
    assert storage.document(sound) == b"{}"
