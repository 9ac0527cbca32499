import os
import shutil
import sqlite3
import stat
import sys
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import replace
from pathlib import Path

import psutil
import pytest
from sqlalchemy import text

from dynogate.errors import ConfigurationError, StoreUnavailable
from dynogate.store.database import ASKING_STORE, Database
from tests.postgres import PostgresCluster


def count_jobs(database: Database) -> int:
    with database.read() as connection:
        return int(connection.execute(text("SELECT count(*) FROM jobs")).scalar_one())


def add_job(database: Database, job_id: str) -> None:
    with database.write() as connection:
        connection.execute(
            text(
                "INSERT INTO jobs (id, kind, principal, owner, state, created_us) "
                "VALUES (:id, 'k', 'p', 'o', 'queued', 1)"
            ),
            {"id": job_id},
        )


@pytest.mark.parametrize(
    ("url", "said"),
    [
        ("nonsense", "not a URL"),
        ("mysql://user@host/name", "begins with 'mysql'"),
        ("postgresql+asyncpg://user@host/name", "postgresql[+]asyncpg"),
        ("sqlite://", "must be a file"),
        ("sqlite:///:memory:", "must be a file"),
    ],
)
def test_a_url_that_cannot_serve_is_refused_with_what_would(url: str, said: str) -> None:
    """Before anything is opened."""
    with pytest.raises(ConfigurationError, match=said):
        Database(url)


def test_a_directory_that_cannot_be_made_is_a_configuration_error(tmp_path: Path) -> None:
    """A file is in the way."""
    (tmp_path / "file").write_text("")
    with pytest.raises(ConfigurationError, match="cannot be made: Not a directory"):
        Database(f"sqlite:///{tmp_path}/file/data/store.db")


def test_the_directory_of_the_file_is_made_for_this_user_only(tmp_path: Path) -> None:
    """Profiles hold source text, and output of programs."""
    Database(f"sqlite:///{tmp_path}/data/dynogate/store.db")
    assert stat.S_IMODE((tmp_path / "data" / "dynogate").stat().st_mode) == 0o700


def test_a_postgresql_store_without_psycopg_says_what_to_install(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """The extra, by name."""
    monkeypatch.setitem(sys.modules, "psycopg", None)  # what Python itself checks first
    with pytest.raises(ConfigurationError, match=r"pip install 'dynogate\[postgres\]'"):
        Database("postgresql://user@host/name")


def test_short_names_of_postgresql_choose_psycopg() -> None:
    """``postgres://`` is what most hosting services hand out."""
    assert Database("postgres://user@host/name").engine.url.drivername == "postgresql+psycopg"


def test_what_is_written_is_read(database: Database) -> None:
    """By another transaction, once the first has ended."""
    add_job(database, "a")
    assert count_jobs(database) == 1


def test_a_write_that_raises_changes_nothing(database: Database) -> None:
    """The block's own exception comes through as it is."""

    def delete_and_fail() -> None:
        with database.write() as connection:
            connection.execute(text("DELETE FROM store_totals"))
            raise LookupError("of the caller")

    with pytest.raises(LookupError, match="of the caller"):
        delete_and_fail()
    database.ping()


def test_a_reader_sees_one_state_while_another_writes(tmp_path: Path) -> None:
    """SQLite's snapshot holds for the whole transaction."""
    database = Database(f"sqlite:///{tmp_path / 'store.db'}")
    database.migrate()
    with database.read() as connection:
        before = connection.execute(text("SELECT count(*) FROM jobs")).scalar_one()
        add_job(database, "a")
        assert connection.execute(text("SELECT count(*) FROM jobs")).scalar_one() == before
    database.close()


def test_the_size_grows_with_what_is_stored(database: Database) -> None:
    """Counted in bytes of disk."""
    before = database.size_bytes()
    for number in range(30):
        add_job(database, f"{number}-{'x' * 20_000}"[:2000] + str(number))
    assert database.size_bytes() > before > 0


def test_a_database_opens_again_after_close(database: Database) -> None:
    """Close drops connections, not the ability to make new ones."""
    database.close()
    database.ping()


def test_sqlite_is_set_up_to_lose_nothing(tmp_path: Path) -> None:
    """WAL, every commit flushed, space given back, references kept."""
    database = Database(f"sqlite:///{tmp_path / 'store.db'}")
    database.migrate()
    with database.read() as connection:
        found = {
            name: connection.exec_driver_sql(f"PRAGMA {name}").scalar_one()
            for name in ("journal_mode", "synchronous", "auto_vacuum", "foreign_keys")
        }
    assert found == {"journal_mode": "wal", "synchronous": 2, "auto_vacuum": 2, "foreign_keys": 1}
    database.close()


def test_a_locked_file_is_reported_and_then_works_again(tmp_path: Path) -> None:
    """Another process holds SQLite's write lock for longer than a call waits."""
    database = Database(
        f"sqlite:///{tmp_path / 'store.db'}", policy=replace(ASKING_STORE, timeout_sec=0.2)
    )
    database.migrate()
    other = sqlite3.connect(tmp_path / "store.db", isolation_level=None)
    other.execute("BEGIN IMMEDIATE")
    with pytest.raises(StoreUnavailable, match="another process has held its write lock"):
        add_job(database, "a")
    other.close()
    add_job(database, "a")
    assert count_jobs(database) == 1
    database.close()


def test_a_file_locked_at_its_first_opening_is_waited_for(tmp_path: Path) -> None:
    """Switching to WAL ignores SQLite's own timeout, so that the wait is ours."""
    other = sqlite3.connect(tmp_path / "store.db", isolation_level=None)
    other.execute("BEGIN IMMEDIATE")
    other.execute("CREATE TABLE other (a)")
    impatient = Database(
        f"sqlite:///{tmp_path / 'store.db'}", policy=replace(ASKING_STORE, timeout_sec=0.05)
    )
    with pytest.raises(StoreUnavailable, match="write lock"):
        impatient.migrate()
    patient = Database(f"sqlite:///{tmp_path / 'store.db'}")
    migration = threading.Thread(target=patient.migrate)
    migration.start()
    with pytest.raises(StoreUnavailable, match="write lock"):
        impatient.migrate()
    other.execute("COMMIT")
    other.close()
    migration.join()
    patient.ping()
    patient.close()
    impatient.close()


def test_writers_of_one_process_queue_up(tmp_path: Path) -> None:
    """The one that waits too long is told so; SQLite takes one writer at a time."""
    database = Database(
        f"sqlite:///{tmp_path / 'store.db'}", policy=replace(ASKING_STORE, timeout_sec=0.1)
    )
    database.migrate()
    refused: list[StoreUnavailable] = []

    def write() -> None:
        try:
            add_job(database, "b")
        except StoreUnavailable as error:
            refused.append(error)

    with database.write():
        second = threading.Thread(target=write)
        second.start()
        second.join()
    assert "other writes have kept it busy for 0.1 s" in refused[0].message
    add_job(database, "b")
    database.close()


def test_a_file_that_cannot_be_written_is_told_before_a_call_meets_it(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Readiness asks: a database that answers may still be read-only, or on a full disk."""
    database = Database(f"sqlite:///{tmp_path / 'store.db'}")
    database.migrate()
    database.ping()
    with monkeypatch.context() as patched:
        patched.setattr(os, "access", lambda path, mode: mode == os.R_OK)
        with pytest.raises(StoreUnavailable, match="cannot be written"):
            database.ping()
    with monkeypatch.context() as patched:
        patched.setattr(shutil, "disk_usage", lambda _: shutil._ntuple_diskusage(9, 9, 0))
        with pytest.raises(StoreUnavailable, match="is full"):
            database.ping()
    database.ping()
    database.close()


def test_a_connection_that_cannot_write_is_not_kept(tmp_path: Path) -> None:
    """It was opened while the disk was read-only, and would stay so; the next one may write."""
    database = Database(f"sqlite:///{tmp_path / 'store.db'}")
    database.migrate()
    with database.engine.connect() as connection:
        connection.exec_driver_sql("PRAGMA query_only = ON")  # as if opened so
    with pytest.raises(StoreUnavailable, match="cannot be written"):
        add_job(database, "a")
    add_job(database, "a")
    assert count_jobs(database) == 1
    database.close()


def test_every_connection_in_use_is_reported(database: Database) -> None:
    """SQLAlchemy's pool holds fifteen."""
    impatient = Database(
        database.engine.url.render_as_string(hide_password=False),
        policy=replace(ASKING_STORE, timeout_sec=0.1),
    )
    held = [impatient.engine.connect() for _ in range(15)]
    with pytest.raises(StoreUnavailable, match="every connection to it is in use"):
        impatient.ping()
    for connection in held:
        connection.close()
    impatient.ping()
    impatient.close()


def test_a_full_disk_is_reported_and_then_works_again(tmp_path: Path) -> None:
    """SQLite's own limit on pages raises what a full disk does."""
    database = Database(f"sqlite:///{tmp_path / 'store.db'}")
    database.migrate()
    with database.engine.connect() as connection:
        connection.exec_driver_sql("PRAGMA max_page_count = 1")
    with pytest.raises(StoreUnavailable, match="disk, or a quota on it, is full"):
        add_job(database, "x" * 100_000)
    with database.engine.connect() as connection:
        connection.exec_driver_sql("PRAGMA max_page_count = 1000000")
    add_job(database, "x" * 100_000)
    assert count_jobs(database) == 1
    database.close()


def test_a_read_only_file_is_reported(tmp_path: Path) -> None:
    """Reading goes on meanwhile."""
    database = Database(f"sqlite:///{tmp_path / 'store.db'}")
    database.migrate()
    with database.engine.connect() as connection:
        connection.exec_driver_sql("PRAGMA query_only = ON")
    with pytest.raises(StoreUnavailable, match="write access"):
        add_job(database, "a")
    assert count_jobs(database) == 0
    database.close()


def test_a_damaged_file_is_reported(tmp_path: Path) -> None:
    """SQLite says 'malformed'; the operator is told to restore or to move it."""
    database = Database(f"sqlite:///{tmp_path / 'store.db'}")
    database.migrate()
    add_job(database, "a")
    database.close()
    data = (tmp_path / "store.db").read_bytes()
    (tmp_path / "store.db").write_bytes(data[:4096] + b"\xff" * (len(data) - 4096))
    with pytest.raises(StoreUnavailable, match="Restore it from a backup"):
        count_jobs(database)
    database.close()


def test_another_kind_of_file_is_reported(tmp_path: Path) -> None:
    """Text where a database should be."""
    (tmp_path / "store.db").write_text("hello, this is no database at all" * 100)
    database = Database(f"sqlite:///{tmp_path / 'store.db'}")
    with pytest.raises(StoreUnavailable, match="not a SQLite database"):
        database.migrate()
    database.close()


def test_any_other_failure_of_the_database_is_reported(tmp_path: Path) -> None:
    """The log has the driver's words."""
    database = Database(f"sqlite:///{tmp_path / 'store.db'}")

    def overflow() -> None:
        with database.read() as connection:
            connection.execute(text("SELECT abs(-9223372036854775808)"))

    with pytest.raises(StoreUnavailable, match="the database reported an error"):
        overflow()
    database.close()


def test_missing_tables_are_reported(store_url: str) -> None:
    """A database that nobody migrated."""
    database = Database(store_url)
    with pytest.raises(StoreUnavailable, match="tables are missing"):
        database.ping()
    database.close()


def test_an_error_names_no_host_user_or_statement(postgres: PostgresCluster) -> None:
    """The driver's text goes to the log through the cause, not to the client."""
    database = Database(postgres.url("no_such_database"))
    with pytest.raises(StoreUnavailable) as caught:
        database.ping()
    assert "database or its tables are missing" in caught.value.message
    assert not any(part in caught.value.message for part in ("127.0.0.1", "no_such", "SELECT"))
    assert caught.value.__cause__ is not None
    database.close()


def test_a_restarted_server_costs_nobody_an_error(
    postgres: PostgresCluster, fresh_postgres_url: str
) -> None:
    """Connections cut while idle are replaced before they are used."""
    database = Database(fresh_postgres_url)
    database.migrate()
    postgres.execute(
        "SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE application_name = 'dynogate'"
    )
    database.ping()
    database.close()


def test_a_stopped_server_is_reported_and_then_works_again(
    postgres: PostgresCluster, fresh_postgres_url: str
) -> None:
    """Cut in the middle of a transaction, which is undone."""
    database = Database(fresh_postgres_url)
    database.migrate()

    def delete_while_it_stops() -> None:
        with database.write() as connection:
            connection.execute(text("DELETE FROM store_totals"))
            postgres.stop()
            connection.execute(text("SELECT 1"))

    try:
        with pytest.raises(StoreUnavailable, match="cannot be reached"):
            delete_while_it_stops()
        with pytest.raises(StoreUnavailable, match="cannot be reached"):
            database.ping()
    finally:
        postgres.start()
    database.ping()
    database.close()


def test_a_server_whose_name_is_not_found_is_out_of_reach() -> None:
    """Told like one that does not answer, without its name."""
    database = Database("postgresql://dynogate@nowhere.invalid/store")
    with pytest.raises(StoreUnavailable, match="cannot be reached") as caught:
        database.ping()
    assert "nowhere" not in caught.value.message


@contextmanager
def frozen(postgres: PostgresCluster) -> Iterator[None]:
    """Every process of the server stopped: connections stay, and nothing is answered."""
    pid = int((postgres.directory / "data" / "postmaster.pid").read_text().split()[0])
    parent = psutil.Process(pid)
    processes = [parent, *parent.children(recursive=True)]
    for process in processes:
        process.suspend()
    try:
        yield
    finally:
        for process in processes:
            process.resume()


@pytest.fixture
def impatient(fresh_postgres_url: str) -> Iterator[Database]:
    """A store on PostgreSQL that is waited for half a second, with a connection."""
    database = Database(fresh_postgres_url, policy=replace(ASKING_STORE, timeout_sec=0.5))
    database.migrate()
    yield database
    database.close()


def test_a_server_that_answers_nothing_is_given_up(
    postgres: PostgresCluster, impatient: Database
) -> None:
    """In the time of one answer, though a new connection is tried, too; then it works again."""
    with frozen(postgres):
        start = time.monotonic()
        with pytest.raises(StoreUnavailable, match="cannot be reached"):
            impatient.ping()
        assert 0.5 <= time.monotonic() - start < 1.0
    impatient.ping()


def test_a_server_that_stops_answering_in_a_transaction_is_given_up(
    postgres: PostgresCluster, impatient: Database
) -> None:
    """What it has not answered in time does not become the answer to something else."""

    def ask() -> None:
        with impatient.read() as connection, frozen(postgres):
            connection.execute(text("SELECT 1"))

    with pytest.raises(StoreUnavailable, match="cannot be reached"):
        ask()
    assert count_jobs(impatient) == 0


def test_an_answer_may_take_its_time_while_others_do(fresh_postgres_url: str) -> None:
    """Each statement has the whole time; only getting a connection is one wait."""
    database = Database(fresh_postgres_url, policy=replace(ASKING_STORE, timeout_sec=0.5))
    with database.read() as connection:
        for _ in range(3):
            connection.execute(text("SELECT pg_sleep(0.3)"))
    database.close()


def test_space_is_given_back_where_much_is_free(tmp_path: Path) -> None:
    """A quarter of the file at least, and at most so many pages in one call."""
    database = Database(f"sqlite:///{tmp_path / 'store.db'}")
    database.migrate()
    for number in range(40):
        add_job(database, f"{number}" + "x" * 100_000)
    with database.write() as connection:
        connection.execute(text("DELETE FROM jobs"))

    def free() -> int:
        with database.engine.connect() as connection:
            return int(connection.exec_driver_sql("PRAGMA freelist_count").scalar_one())

    before = free()
    database.give_space_back(max_pages=100)
    assert free() == before - 100
    database.give_space_back(max_pages=None)
    assert free() == 0
    database.close()


def test_giving_space_back_waits_for_nobody_in_error(tmp_path: Path) -> None:
    """A locked file keeps its free pages, and what was stored before stays acknowledged."""
    database = Database(
        f"sqlite:///{tmp_path / 'store.db'}", policy=replace(ASKING_STORE, timeout_sec=0.1)
    )
    database.migrate()
    for number in range(40):
        add_job(database, f"{number}" + "x" * 100_000)
    with database.write() as connection:
        connection.execute(text("DELETE FROM jobs"))
    other = sqlite3.connect(tmp_path / "store.db", isolation_level=None)
    other.execute("BEGIN IMMEDIATE")
    size = database.size_bytes()
    database.give_space_back()
    other.close()
    assert database.size_bytes() == size
    database.close()


def test_giving_space_back_is_postgresqls_own_business(fresh_postgres_url: str) -> None:
    """Autovacuum does it: nothing to do, nothing to fail."""
    database = Database(fresh_postgres_url)
    database.migrate()
    database.give_space_back()
    database.ping()
    database.close()
