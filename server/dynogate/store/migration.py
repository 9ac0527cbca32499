"""The schema's history, applied by alembic from inside the package (no ``alembic.ini``)."""

import threading
from functools import cache

from alembic import command
from alembic.config import Config
from alembic.runtime.migration import MigrationContext
from alembic.script import ScriptDirectory
from sqlalchemy import Connection, func, select

from dynogate.errors import ConfigurationError

VERSION_TABLE = "dynogate_version"
# Any number will do, as long as nothing else in the same PostgreSQL database takes it.
_ADVISORY_LOCK = 0x64796E6F67617465
# alembic keeps the migration at hand in module globals.
_one_at_a_time = threading.Lock()


def upgrade(connection: Connection, *, apply: bool) -> bool:
    """Bring the tables to the newest revision inside the transaction of ``connection``.

    On SQLite the transaction must have begun as a writer; on PostgreSQL an advisory lock, held
    until the transaction ends, makes other processes wait.

    Args:
        apply: False to look only.

    Returns:
        Whether the tables are at the newest revision now.

    Raises:
        ConfigurationError: the tables are at a revision that this version does not know.
    """
    with _one_at_a_time:
        if apply and connection.dialect.name == "postgresql":
            connection.execute(select(func.pg_advisory_xact_lock(_ADVISORY_LOCK)))
        if _is_newest(connection):
            return True
        if not apply:
            return False
        config = _config()
        config.attributes["connection"] = connection
        command.upgrade(config, "head")
        return True


def _config() -> Config:
    config = Config()
    config.set_main_option("script_location", "dynogate.store:migrations")
    return config


@cache
def _history() -> tuple[frozenset[str], str]:
    """Every revision that this version knows, and the newest; read from their files once."""
    scripts = ScriptDirectory.from_config(_config())
    known = frozenset(script.revision for script in scripts.walk_revisions())
    (newest,) = scripts.get_heads()
    return known, newest


def _is_newest(connection: Connection) -> bool:
    known, newest = _history()
    context = MigrationContext.configure(connection, opts={"version_table": VERSION_TABLE})
    found = set(context.get_current_heads())
    if not found <= known:
        raise ConfigurationError(
            f"The store was written by a newer Dynogate (schema {', '.join(sorted(found))}; this "
            f"one knows up to {newest}). Upgrade this installation, or point it at another store."
        )
    return found == {newest}
