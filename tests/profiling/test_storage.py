import gc
import os
import tempfile
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta, timezone
from pathlib import Path
from typing import Any, cast

import pytest
from sqlalchemy import text

from dynogate.errors import InvalidParams, StoreUnavailable, UnreadableProfile
from dynogate.profiling.models import ProfileResult, ScriptError
from dynogate.profiling.storage import ProfileStorage
from dynogate.store.blobs import pack
from dynogate.store.database import Database
from tests.profiles import sample_profile, sample_summary, sample_target

NOON = datetime(2026, 3, 1, 12, 0, tzinfo=UTC)


@pytest.fixture
def database(store_url: str) -> Iterator[Database]:
    opened = Database(store_url)
    yield opened
    opened.close()


@pytest.fixture
def storage(database: Database) -> ProfileStorage:
    return ProfileStorage(database=database)


def reopened(storage_of: Database) -> ProfileStorage:
    """Another process's view: nothing in memory yet."""
    return ProfileStorage(database=storage_of)


def at(minute: int, **overrides: Any) -> ProfileResult:
    return sample_profile(created_at=NOON + timedelta(minutes=minute), **overrides)


def test_a_stored_profile_comes_back_whole(database: Database, storage: ProfileStorage) -> None:
    """From memory and from the database alike; only ``raw`` is kept apart."""
    profile = sample_profile(tags=("b", "a"))
    profile_id = storage.store(profile)
    expected = profile.model_copy(update={"profile_id": profile_id, "raw": b""})
    assert storage.get(profile_id) == expected
    assert reopened(database).get(profile_id) == expected


def test_the_raw_output_comes_back_untouched(storage: ProfileStorage) -> None:
    """Byte for byte."""
    profile_id = storage.store(sample_profile(raw=b'{"a": "\\u003c\xff"}'))
    assert storage.raw(profile_id) == b'{"a": "\\u003c\xff"}'


def test_the_same_profile_stored_twice_has_two_ids(storage: ProfileStorage) -> None:
    """As in the original tools."""
    profile = sample_profile()
    assert storage.store(profile) != storage.store(profile)
    assert storage.count() == 2


@pytest.mark.parametrize("nothing", [None, {}, "profile"])
def test_only_profiles_are_stored(storage: ProfileStorage, nothing: object) -> None:
    """The type that was given is named."""
    with pytest.raises(TypeError, match=f"expected a ProfileResult, got {type(nothing).__name__}"):
        storage.store(cast(ProfileResult, nothing))


def test_an_unknown_id_is_none(storage: ProfileStorage) -> None:
    """However it is asked for."""
    assert storage.get("prof_unknown") is None
    assert storage.raw("prof_unknown") is None
    assert storage.summary("prof_unknown") is None
    assert storage.lines("prof_unknown") == ()
    assert storage.delete("prof_unknown") is False


def test_the_summary_tells_the_profile_without_opening_it(storage: ProfileStorage) -> None:
    """The figures of the card, the tags, and how it ended."""
    error = ScriptError(type="ValueError", message="x" * 1000, traceback="t")
    summary = sample_summary(outcome="failed", exit_status=1, error=error, cpu_time_sec=None)
    profile_id = storage.store(sample_profile(tags=("b", "a"), summary=summary))
    stored = storage.summary(profile_id)
    assert stored is not None
    assert stored.model_dump(exclude={"stored_bytes", "error"}) == {
        "profile_id": profile_id,
        "created_at": NOON,
        "kind": "script",
        "script": "/srv/app/slow.py",
        "tags": ("a", "b"),
        "outcome": "failed",
        "exit_status": 1,
        "elapsed_time_sec": 2.0,
        "cpu_time_sec": None,
        "max_footprint_mb": 80.0,
        "growth_rate_mb_per_sec": 32.0,
        "cpu_samples": 190,
        "alloc_samples": 64,
        "repeats": 1,
        "gpu_seen": False,
        "python_version": "3.11.9",
        "raw_bytes": len(sample_profile().raw),
    }
    assert stored.error is not None
    assert stored.error.startswith("ValueError: xxx")
    assert len(stored.error) == 300


def test_lines_come_from_the_database_costliest_first(storage: ProfileStorage) -> None:
    """Lines that cost nothing are not kept there."""
    profile_id = storage.store(sample_profile())
    assert [line.lineno for line in storage.lines(profile_id)] == [7, 6, 13]
    assert [line.lineno for line in storage.lines(profile_id, limit=1)] == [7]
    (kept,) = storage.lines(profile_id, "retained")
    assert (kept.lineno, kept.function, kept.retained_mb) == (13, "grow", 64.0)
    assert kept.source == "        kept.append(bytearray(1 << 20))"
    assert storage.lines(profile_id, "gpu") == ()


def test_pages_lead_through_the_whole_list(storage: ProfileStorage) -> None:
    """Newest first; the last page has no cursor."""
    ids = [storage.store(at(minute)) for minute in range(5)]
    seen: list[str] = []
    cursor: str | None = None
    for _ in range(3):
        page = storage.list(limit=2, cursor=cursor)
        seen += [stored.profile_id for stored in page.profiles]
        cursor = page.next_cursor
        assert page.total == 5
    assert seen == ids[::-1]
    assert cursor is None


def test_an_empty_list_is_one_empty_page(storage: ProfileStorage) -> None:
    """No cursor, and zero in all."""
    page = storage.list()
    assert (page.profiles, page.next_cursor, page.total) == ((), None, 0)


@pytest.mark.parametrize(
    ("script", "found"),
    [
        ("/srv/app/slow.py", [0, 1]),
        ("/srv/other/../app/./slow.py", [0, 1]),
        ("slow.py", [0, 1, 2]),
        ("package.module", [3]),
        ("<code>", [4]),
        ("/srv/app", []),
        ("app/slow.py", []),
        ("", []),
    ],
)
def test_a_script_is_found_by_path_or_name(
    storage: ProfileStorage, script: str, found: list[int]
) -> None:
    """Any path that leads to it, its bare name, a module's name, or ``<code>``."""
    targets = [
        sample_target("/srv/app/slow.py"),
        sample_target("slow.py", path="/srv/app/slow.py"),
        sample_target("/srv/new/slow.py"),
        sample_target("package.module", kind="module", path="/srv/package/module.py"),
        sample_target("<code>", kind="code", path=None),
    ]
    ids = [storage.store(at(minute, target=target)) for minute, target in enumerate(targets)]
    page = storage.list(script=script)
    assert [stored.profile_id for stored in page.profiles] == [ids[i] for i in reversed(found)]
    assert page.total is None


def test_a_script_is_found_through_a_link(storage: ProfileStorage, tmp_path: Path) -> None:
    """Profiles are kept under the real path."""
    (tmp_path / "real.py").write_text("")
    (tmp_path / "link.py").symlink_to(tmp_path / "real.py")
    profile_id = storage.store(
        sample_profile(target=sample_target(str((tmp_path / "real.py").resolve())))
    )
    (found,) = storage.list(script=str(tmp_path / "link.py")).profiles
    assert found.profile_id == profile_id


def test_profiles_are_found_by_tag_and_time(storage: ProfileStorage) -> None:
    """``since`` is included, ``until`` is not; without a zone they are UTC."""
    ids = [storage.store(at(minute, tags=("t",) if minute % 2 else ())) for minute in range(4)]

    def found(**filters: Any) -> list[int]:
        return [ids.index(stored.profile_id) for stored in storage.list(**filters).profiles]

    assert found(tag="t") == [3, 1]
    assert found(since=NOON + timedelta(minutes=2)) == [3, 2]
    assert found(until=NOON + timedelta(minutes=2)) == [1, 0]
    assert found(since=(NOON + timedelta(minutes=3)).replace(tzinfo=None)) == [3]
    east = NOON.astimezone(timezone(timedelta(hours=5)))
    assert found(tag="t", since=east, until=east + timedelta(minutes=2)) == [1]
    assert found(tag="unknown") == []


@pytest.mark.parametrize("cursor", ["", "nonsense", "x" * 10_000, "\udcff"])
def test_a_false_cursor_is_refused_by_name(storage: ProfileStorage, cursor: str) -> None:
    """The argument at fault is in the message and in the data."""
    with pytest.raises(
        InvalidParams, match="argument 'cursor': expected the next_cursor"
    ) as caught:
        storage.list(cursor=cursor)
    problems = cast(list[dict[str, str]], (caught.value.data or {})["problems"])
    assert problems[0]["argument"] == "cursor"


def test_a_cursor_of_other_filters_is_refused(storage: ProfileStorage) -> None:
    """It would lead somewhere else."""
    for minute in range(3):
        storage.store(at(minute, tags=("t",)))
    cursor = storage.list(tag="t", limit=1).next_cursor
    with pytest.raises(InvalidParams, match="with the same filters"):
        storage.list(cursor=cursor, limit=1)


@pytest.mark.parametrize("limit", [0, -1, 1001])
def test_a_limit_out_of_bounds_is_refused_by_name(storage: ProfileStorage, limit: int) -> None:
    """Everywhere it is taken."""
    for call in (
        lambda: storage.list(limit=limit),
        lambda: storage.trend("slow.py", limit=limit),
        lambda: storage.lines("prof_unknown", limit=limit),
    ):
        with pytest.raises(
            InvalidParams, match=f"argument 'limit': expected 1 to 1000, got {limit}"
        ):
            call()


def test_a_trend_is_the_newest_runs_oldest_first(storage: ProfileStorage) -> None:
    """Of one script, bounded."""
    ids = [
        storage.store(at(minute, summary=sample_summary(elapsed_time_sec=float(minute))))
        for minute in range(4)
    ]
    storage.store(at(9, target=sample_target("/srv/other.py")))
    trend = storage.trend("/srv/app/slow.py", limit=3)
    assert [(point.profile_id, point.elapsed_time_sec) for point in trend] == [
        (ids[1], 1.0),
        (ids[2], 2.0),
        (ids[3], 3.0),
    ]
    assert (trend[0].outcome, trend[0].cpu_time_sec, trend[0].max_footprint_mb) == (
        "completed",
        1.9,
        80.0,
    )


def test_a_deleted_profile_is_gone_for_every_process(
    database: Database, storage: ProfileStorage
) -> None:
    """Even for those that still had it in memory."""
    profile_id = storage.store(sample_profile())
    other = reopened(database)
    assert other.get(profile_id) is not None
    assert storage.delete(profile_id) is True
    assert other.get(profile_id) is None
    assert other.get(profile_id) is None
    assert storage.get(profile_id) is None


def test_a_cleared_store_is_empty(storage: ProfileStorage) -> None:
    """It says how many went."""
    ids = [storage.store(sample_profile()) for _ in range(3)]
    assert storage.size_bytes() > 0
    assert storage.clear() == 3
    assert (storage.count(), storage.size_bytes()) == (0, 0)
    assert [storage.get(profile_id) for profile_id in ids] == [None] * 3


def test_the_oldest_are_dropped_beyond_the_limit(database: Database) -> None:
    """By count here; the newest is always there."""
    storage = ProfileStorage(2, database=database)
    ids = [storage.store(sample_profile()) for _ in range(4)]
    assert [profile_id for profile_id in ids if storage.get(profile_id)] == ids[2:]


def test_the_oldest_are_dropped_beyond_the_bytes(database: Database) -> None:
    """As `size_bytes` counts them."""
    unlimited = ProfileStorage(database=database)
    unlimited.store(sample_profile())
    three_and_a_half = unlimited.size_bytes() * 7 // 2
    storage = ProfileStorage(database=database, max_bytes=three_and_a_half)
    for _ in range(5):
        storage.store(sample_profile())
    assert storage.count() == 3


@pytest.mark.parametrize(("max_profiles", "max_bytes"), [(0, None), (None, 0), (-1, 10)])
def test_a_limit_that_keeps_nothing_is_refused(
    max_profiles: int | None, max_bytes: int | None
) -> None:
    """A store that drops what it acknowledges is none."""
    with pytest.raises(ValueError, match="must be at least 1"):
        ProfileStorage(max_profiles, max_bytes=max_bytes)


def _spoil(database: Database, profile_id: str, packed: bytes, size: int) -> None:
    with database.write() as connection:
        connection.execute(
            text(
                "UPDATE profile_blobs SET data = :data, size_bytes = :size WHERE part = "
                "'document' AND profile_key = (SELECT key FROM profiles WHERE id = :id)"
            ),
            {"data": packed, "size": size, "id": profile_id},
        )


def test_a_damaged_profile_is_told_and_the_others_served(
    database: Database, storage: ProfileStorage
) -> None:
    """Its card and its lines are still there, too."""
    damaged, whole = storage.store(sample_profile()), storage.store(sample_profile())
    _spoil(database, damaged, b"rubbish", 7)
    fresh = reopened(database)
    with pytest.raises(UnreadableProfile, match=f"{damaged}.*its document is damaged"):
        fresh.get(damaged)
    assert fresh.get(whole) is not None
    assert len(fresh.list().profiles) == 2
    assert fresh.lines(damaged)[0].lineno == 7


def test_a_profile_of_another_schema_is_told(database: Database, storage: ProfileStorage) -> None:
    """By its id, and what to do."""
    profile_id = storage.store(sample_profile())
    old = b'{"schema_version": 0}'
    _spoil(database, profile_id, pack(old), len(old))
    with pytest.raises(UnreadableProfile, match=f"{profile_id}.*written in schema 0.*again"):
        reopened(database).get(profile_id)


def test_without_a_database_it_has_a_private_one_that_goes_with_it(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """For a notebook: nothing to set up, nothing left behind."""
    monkeypatch.setattr(tempfile, "tempdir", str(tmp_path))
    storage = ProfileStorage(max_profiles=10)
    profile_id = storage.store(sample_profile())
    assert storage.get(profile_id) is not None
    assert list(tmp_path.iterdir()) != []
    del storage
    gc.collect()
    assert list(tmp_path.iterdir()) == []


def test_a_store_out_of_reach_says_so_and_comes_back(tmp_path: Path) -> None:
    """The file's disk is full, then it is not."""
    database = Database(f"sqlite:///{tmp_path / 'store.db'}")
    storage = ProfileStorage(database=database)
    with database.engine.connect() as connection:
        connection.exec_driver_sql("PRAGMA max_page_count = 1")
    with pytest.raises(StoreUnavailable, match="full"):
        storage.store(sample_profile(raw=os.urandom(100_000)))
    assert storage.count() == 0
    with database.engine.connect() as connection:
        connection.exec_driver_sql("PRAGMA max_page_count = 1000000")
    assert storage.get(storage.store(sample_profile())) is not None
    database.close()
