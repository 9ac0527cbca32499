import subprocess
import sys

import pytest
from alembic.autogenerate import compare_metadata
from alembic.runtime.migration import MigrationContext
from sqlalchemy import text

from dynogate.errors import ConfigurationError, StoreUnavailable
from dynogate.store.database import Database
from dynogate.store.migration import VERSION_TABLE
from dynogate.store.schema import metadata


def test_the_migrations_make_the_schema_that_the_code_uses(database: Database) -> None:
    """Not a column, type or index more or less."""
    with database.read() as connection:
        options = {"version_table": VERSION_TABLE, "compare_type": True}
        context = MigrationContext.configure(connection, opts=options)
        assert compare_metadata(context, metadata) == []


def test_migrating_again_changes_nothing(database: Database) -> None:
    """Every start of the gateway does it."""
    database.migrate()
    database.ping()


def test_four_processes_may_start_at_once_on_an_empty_database(store_url: str) -> None:
    """One makes the tables, the others find them."""
    script = (
        "import sys\n"
        "from dynogate.store.database import Database\n"
        "database = Database(sys.argv[1])\n"
        "print('ready', flush=True); sys.stdin.readline()\n"
        "database.migrate(); database.ping(); print('migrated')"
    )
    starting = [
        subprocess.Popen(
            [sys.executable, "-c", script, store_url],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
        )
        for _ in range(4)
    ]
    for process in starting:
        assert process.stdout is not None
        assert process.stdout.readline() == "ready\n"
    for process in starting:
        assert process.stdin is not None
        process.stdin.write("go\n")
        process.stdin.flush()
    ended = [process.communicate(timeout=60) for process in starting]
    assert [said for said, _ in ended] == ["migrated\n"] * 4, ended


def test_a_store_of_a_newer_version_is_refused(database: Database) -> None:
    """Better not to start than to write what the newer one would misread."""
    with database.write() as connection:
        connection.execute(text(f"UPDATE {VERSION_TABLE} SET version_num = '9999'"))
    with pytest.raises(ConfigurationError, match=r"newer Dynogate \(schema 9999; this one"):
        database.migrate()


def test_a_failed_migration_leaves_nothing_half_made(store_url: str) -> None:
    """A table in the way undoes the tables made before it."""
    database = Database(store_url)
    with database.write() as connection:
        connection.execute(text("CREATE TABLE jobs (a INTEGER)"))
    with pytest.raises(StoreUnavailable, match="a table of the same name"):
        database.migrate()
    with database.write() as connection:
        connection.execute(text("DROP TABLE jobs"))
    database.migrate()
    database.ping()
    database.close()
