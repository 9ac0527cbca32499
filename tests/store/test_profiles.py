import dataclasses
import os
import threading
from pathlib import Path
from typing import Any

import pytest
from sqlalchemy import text

from dynogate.errors import StoreUnavailable, UnreadableProfile
from dynogate.store.database import Database
from dynogate.store.paging import Position
from dynogate.store.profiles import ProfileTable
from dynogate.store.rows import LineRow, ProfileFilter, ProfileRow, Retention

KEEP_ALL = Retention()


@pytest.fixture
def table(database: Database) -> ProfileTable:
    return ProfileTable(database)


def row(profile_id: str, **overrides: Any) -> ProfileRow:
    values: dict[str, Any] = {
        "id": profile_id,
        "created_us": 1000,
        "kind": "script",
        "script": "/srv/app/slow.py",
        "script_name": "slow.py",
        "outcome": "completed",
        "exit_status": 0,
        "error": None,
        "elapsed_sec": 2.0,
        "cpu_sec": 1.9,
        "footprint_mb": 80.0,
        "growth_mb_per_sec": 32.0,
        "cpu_samples": 190,
        "alloc_samples": 64,
        "repeats": 1,
        "gpu_seen": False,
        "python_version": "3.11.9",
    }
    return ProfileRow(**(values | overrides))


def line(lineno: int, **overrides: Any) -> LineRow:
    values: dict[str, Any] = {
        "file": "/srv/app/slow.py",
        "lineno": lineno,
        "function": "work",
        "source": f"line {lineno}",
        "cpu_percent": 0.0,
        "malloc_mb": 0.0,
        "retained_mb": None,
        "gpu_percent": 0.0,
    }
    return LineRow(**(values | overrides))


def insert(
    table: ProfileTable,
    profile_id: str,
    *,
    tags: tuple[str, ...] = (),
    lines: tuple[LineRow, ...] = (),
    document: bytes = b"{}",
    raw: bytes = b"{}",
    retention: Retention = KEEP_ALL,
    **overrides: Any,
) -> None:
    table.insert(
        row(profile_id, **overrides),
        tags=tags,
        lines=lines,
        document=document,
        raw=raw,
        retention=retention,
    )


def ids(table: ProfileTable, **wanted: Any) -> list[str]:
    found = table.page(ProfileFilter(**wanted), after=None, limit=100)
    return [stored.id for stored in found]


def test_every_column_comes_back(table: ProfileTable) -> None:
    """With the tags sorted, and the sizes."""
    given = row("a", error="ValueError: x", exit_status=-11, gpu_seen=True, cpu_sec=None)
    table.insert(
        given, tags=("b", "a", "b"), lines=(), document=b"d", raw=b"raw", retention=KEEP_ALL
    )
    stored = table.row("a")
    assert stored is not None
    names = [field.name for field in dataclasses.fields(ProfileRow)]
    assert {name: getattr(stored, name) for name in names} == dataclasses.asdict(given)
    assert (stored.tags, stored.raw_bytes) == (("a", "b"), 3)
    assert stored.stored_bytes > 0


def test_blobs_come_back(table: ProfileTable) -> None:
    """Each part on its own."""
    insert(table, "a", document=b"document" * 1000, raw=b"raw" * 1000)
    assert (table.document("a"), table.raw("a")) == (b"document" * 1000, b"raw" * 1000)


@pytest.mark.parametrize("profile_id", ["unknown", "", "a\0b", "\udcff", "a'; DROP TABLE jobs"])
def test_an_unknown_id_finds_nothing(table: ProfileTable, profile_id: str) -> None:
    """Whatever text it is."""
    assert not table.exists(profile_id)
    found = (table.row(profile_id), table.document(profile_id), table.raw(profile_id))
    assert found == (None, None, None)
    assert table.lines(profile_id, order_by="cpu", limit=10) == ()
    assert table.delete(profile_id) is False


@pytest.mark.parametrize(
    ("order_by", "expected"),
    [("cpu", [3, 1]), ("malloc", [2, 1]), ("retained", [2]), ("gpu", [4])],
)
def test_lines_come_costliest_first(
    table: ProfileTable, order_by: Any, expected: list[int]
) -> None:
    """Without those that cost nothing by that measure."""
    lines = (
        line(1, cpu_percent=10.0, malloc_mb=1.0, retained_mb=0.0),
        line(2, malloc_mb=50.0, retained_mb=40.0),
        line(3, cpu_percent=90.0),
        line(4, gpu_percent=5.0),
    )
    insert(table, "a", lines=lines)
    insert(table, "other", lines=(line(9, cpu_percent=99.0, gpu_percent=9.0),))
    found = table.lines("a", order_by=order_by, limit=10)
    assert [each.lineno for each in found] == expected
    assert found[0] == lines[expected[0] - 1]


def test_only_so_many_lines_come(table: ProfileTable) -> None:
    """The costliest ones."""
    insert(table, "a", lines=tuple(line(number, cpu_percent=number) for number in range(1, 9)))
    found = table.lines("a", order_by="cpu", limit=2)
    assert [each.lineno for each in found] == [8, 7]


def test_profiles_come_newest_first(table: ProfileTable) -> None:
    """Of the same instant, the one inserted later."""
    insert(table, "old", created_us=1)
    insert(table, "new", created_us=3)
    insert(table, "middle", created_us=2)
    insert(table, "middle_too", created_us=2)
    assert ids(table) == ["new", "middle_too", "middle", "old"]


def test_every_filter_holds(table: ProfileTable) -> None:
    """Alone and together."""
    insert(table, "a", script="/a/x.py", script_name="x.py", created_us=1, tags=("t", "u"))
    insert(table, "b", script="/b/x.py", script_name="x.py", created_us=2, tags=("t",))
    insert(table, "c", script="/b/y.py", script_name="y.py", created_us=3)
    assert ids(table, scripts=("/a/x.py",)) == ["a"]
    assert ids(table, script_name="x.py") == ["b", "a"]
    assert ids(table, tag="t") == ["b", "a"]
    assert ids(table, since_us=2) == ["c", "b"]
    assert ids(table, until_us=2) == ["a"]
    assert ids(table, tag="t", since_us=2, until_us=3, script_name="x.py") == ["b"]
    assert ids(table, tag="t\0") == []


@pytest.mark.parametrize("tag", [None, "t"])
def test_pages_follow_each_other_without_gap_or_repeat(
    table: ProfileTable, tag: str | None
) -> None:
    """Even where many profiles share one instant."""
    for number in range(10):
        insert(table, f"p{number}", created_us=number // 4, tags=("t",))
    seen: list[str] = []
    after: Position | None = None
    for _ in range(4):
        page = table.page(ProfileFilter(tag=tag), after=after, limit=3)
        seen += [stored.id for stored in page]
        after = Position(page[-1].created_us, page[-1].key)
    assert table.page(ProfileFilter(tag=tag), after=after, limit=3) == ()
    assert seen == [f"p{number}" for number in (9, 8, 7, 6, 5, 4, 3, 2, 1, 0)]


def test_ids_are_found_by_how_they_begin(table: ProfileTable) -> None:
    """Newest first and so many; characters that are special in patterns are not."""
    for number, profile_id in enumerate(("prof_a1", "prof_a2", "profXa3", "prof_b1")):
        insert(table, profile_id, created_us=1000 + number)
    assert table.ids("", 10) == ("prof_b1", "profXa3", "prof_a2", "prof_a1")
    assert table.ids("prof_a", 10) == ("prof_a2", "prof_a1")
    assert table.ids("prof", 2) == ("prof_b1", "profXa3")
    assert table.ids("%", 10) == ()


def test_a_deleted_profile_is_gone_with_all_its_parts(
    database: Database, table: ProfileTable
) -> None:
    """No line, tag or blob is left behind."""
    insert(table, "a", tags=("t",), lines=(line(1, cpu_percent=1.0),))
    assert table.delete("a") is True
    assert not table.exists("a")
    with database.read() as connection:
        for part in ("profile_tags", "profile_lines", "profile_blobs"):
            assert connection.execute(text(f"SELECT count(*) FROM {part}")).scalar_one() == 0


def test_totals_are_what_is_stored(table: ProfileTable) -> None:
    """After inserts, deletes and a clear."""
    for name in ("a", "b", "c"):
        insert(table, name)
    sizes = [stored.stored_bytes for stored in table.page(ProfileFilter(), after=None, limit=9)]
    assert (table.totals().profiles, table.totals().size_bytes) == (3, sum(sizes))
    table.delete("b")
    assert (table.totals().profiles, table.totals().size_bytes) == (2, sum(sizes[:2]))
    assert table.clear() == 2
    assert (table.totals().profiles, table.totals().size_bytes) == (0, 0)
    assert ids(table) == []


def test_the_oldest_go_beyond_the_count(table: ProfileTable) -> None:
    """By the order of inserts: an imported old profile is not dropped at once."""
    for number in range(4):
        insert(table, f"p{number}", created_us=-number, retention=Retention(max_count=3))
    assert ids(table) == ["p1", "p2", "p3"]


def test_the_oldest_go_beyond_the_bytes(table: ProfileTable) -> None:
    """As many as it takes."""
    insert(table, "a")
    insert(table, "b")
    size = table.totals().size_bytes
    insert(table, "c", retention=Retention(max_bytes=size // 2))
    assert ids(table) == ["c"]


def test_the_newest_stays_even_when_it_alone_is_too_large(table: ProfileTable) -> None:
    """Acknowledged is acknowledged."""
    insert(table, "a", retention=Retention(max_bytes=1))
    assert table.exists("a")


def test_a_lowered_limit_is_reached_step_by_step(table: ProfileTable) -> None:
    """No one store has to drop everything."""
    for number in range(70):
        insert(table, f"p{number}")
    insert(table, "next", retention=Retention(max_count=1))
    assert table.totals().profiles == 71 - 64
    insert(table, "last", retention=Retention(max_count=1))
    assert ids(table) == ["last"]


def test_a_refused_insert_leaves_nothing(table: ProfileTable) -> None:
    """A second profile of the same id."""
    insert(table, "a")
    before = table.totals()
    with pytest.raises(Exception, match=r"(?i)unique"):
        insert(table, "a")
    assert table.totals() == before


def test_a_damaged_blob_is_told_from_the_others(database: Database, table: ProfileTable) -> None:
    """Which profile, which part, and what to do; the others are served."""
    insert(table, "a", raw=b"raw a")
    insert(table, "b", raw=b"raw b")
    with database.write() as connection:
        connection.execute(
            text(
                "UPDATE profile_blobs SET data = :data WHERE part = 'raw' AND profile_key = "
                "(SELECT key FROM profiles WHERE id = 'a')"
            ),
            {"data": b"not zstd"},
        )
    with pytest.raises(UnreadableProfile, match="Profile 'a' is stored, but its raw is damaged"):
        table.raw("a")
    assert (table.document("a"), table.raw("b")) == (b"{}", b"raw b")


def test_text_that_no_database_takes_is_kept_as_escapes(table: ProfileTable) -> None:
    """Names of files that are not UTF-8 arrive as lone surrogates."""
    insert(table, "a", script="/srv/\udcff.py", lines=(line(1, file="a\0b", cpu_percent=1.0),))
    stored = table.row("a")
    assert stored is not None
    assert stored.script == "/srv/\\udcff.py"
    assert table.lines("a", order_by="cpu", limit=1)[0].file == "a\\x00b"
    assert ids(table, scripts=("/srv/\udcff.py",)) == ["a"]


def test_the_file_stops_growing_once_retention_drops_profiles(tmp_path: Path) -> None:
    """What the dropped ones took is used again (on PostgreSQL: when autovacuum has run)."""
    database = Database(f"sqlite:///{tmp_path / 'store.db'}")
    database.migrate()
    table = ProfileTable(database)
    sizes = []
    for number in range(90):
        insert(table, f"p{number}", raw=_noise(50_000), retention=Retention(max_count=10))
        sizes.append(database.size_bytes())
    assert max(sizes[60:]) <= max(sizes[:60])
    database.close()


def test_a_cleared_store_is_small_again(tmp_path: Path) -> None:
    """SQLite's file shrinks after `clear`, whatever it held."""
    database = Database(f"sqlite:///{tmp_path / 'store.db'}")
    database.migrate()
    table = ProfileTable(database)
    empty = database.size_bytes()
    for number in range(30):
        insert(table, f"p{number}", raw=_noise(200_000))
    table.clear()
    database.close()
    assert database.size_bytes() < 2 * empty


def test_writers_on_both_ends_never_block_each_other(database: Database) -> None:
    """One inserts over the limit, dropping the oldest; the others delete the same ones."""
    table = ProfileTable(database)
    for number in range(20):
        insert(table, f"p{number}")
    failed: list[StoreUnavailable] = []

    def delete_all() -> None:
        try:
            for number in range(20):
                table.delete(f"p{number}")
        except StoreUnavailable as error:
            failed.append(error)

    deleting = [threading.Thread(target=delete_all) for _ in range(3)]
    for thread in deleting:
        thread.start()
    for number in range(20):
        insert(table, f"q{number}", retention=Retention(max_count=5))
    for thread in deleting:
        thread.join()
    assert failed == []
    assert table.totals().profiles == len(ids(table)) <= 20


def _noise(size: int) -> bytes:
    return os.urandom(size)
