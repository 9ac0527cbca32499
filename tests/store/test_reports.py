import pytest
from sqlalchemy import update

from dynogate.errors import UnreadableReport
from dynogate.store.database import Database
from dynogate.store.reports import ReportTable
from dynogate.store.schema import reports


def test_a_report_comes_back_as_it_was(database: Database) -> None:
    """By its id, with when it was stored."""
    table = ReportTable(database)
    stored = table.insert("chaos", b'{"green": true}' * 1000)
    assert stored.id.startswith("chaos_")
    assert table.get("chaos", stored.id) == stored


def test_without_an_id_the_newest_comes_back(database: Database) -> None:
    """Of that kind; another kind's is none."""
    table = ReportTable(database)
    for document in (b"old", b"new"):
        table.insert("chaos", document)
    other = table.insert("other", b"other")
    newest = table.get("chaos")
    assert newest is not None
    assert newest.document == b"new"
    assert table.get("chaos", other.id) is None
    assert table.get("third") is None


def test_the_oldest_of_a_kind_go_first(database: Database) -> None:
    """Each kind has its own bound."""
    table = ReportTable(database, keep=2)
    other = table.insert("other", b"o")
    ids = [table.insert("chaos", b"x").id for _ in range(4)]
    assert [table.get("chaos", each) is not None for each in ids] == [False, False, True, True]
    assert table.get("other", other.id) == other


def test_a_damaged_report_is_told_as_such(database: Database) -> None:
    """Its neighbour can still be read."""
    table = ReportTable(database)
    damaged, whole = table.insert("chaos", b"a" * 100), table.insert("chaos", b"b" * 100)
    with database.write() as connection:
        broken = update(reports).where(reports.c.id == damaged.id).values(document=b"nonsense")
        connection.execute(broken)
    with pytest.raises(UnreadableReport, match=damaged.id):
        table.get("chaos", damaged.id)
    assert table.get("chaos", whole.id) == whole
