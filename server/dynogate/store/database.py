"""A database by URL: SQLite for one machine, PostgreSQL beyond it, behind one interface.

SQLite runs in WAL mode with ``synchronous=FULL``: a commit returns only when the log is on the
disk, so that what was acknowledged survives both ``kill -9`` (for which ``NORMAL`` would do) and
a loss of power (for which it would not). A profile takes seconds to make; the flush takes
milliseconds (sqlite.org/pragma.html#pragma_synchronous).
"""

import math
import sqlite3
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager, nullcontext, suppress
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

from sqlalchemy import Connection, Engine, create_engine, event, func, select
from sqlalchemy.engine import URL, ExceptionContext, make_url
from sqlalchemy.exc import ArgumentError
from sqlalchemy.pool import ConnectionPoolEntry

from dynogate.errors import ConfigurationError, StoreUnavailable
from dynogate.resilience.breaker import CircuitBreaker, OnChange
from dynogate.resilience.policy import Policy
from dynogate.store.faults import check_file, store_faults
from dynogate.store.migration import upgrade
from dynogate.store.schema import metadata, store_totals

if TYPE_CHECKING:
    from dynogate.store.postgres import Server

ASKING_STORE: Final = Policy(timeout_sec=10.0, retries=2, failures=5, recovery_sec=5.0)
_WRITES: Final = "dynogate_writes"
_POSTGRES = {"postgres", "postgresql", "postgresql+psycopg"}
# Unused pages are given back to the disk only where there are many: reuse costs less.
_SPARE_PAGES: Final = 256
_MIGRATION_SEC: Final = 600.0
_LOG_LIMIT_BYTES: Final = 64 * 2**20


class Database:
    """One database, used by any number of threads and processes at once.

    Attributes:
        engine: SQLAlchemy's engine, for what has no method here.
    """

    def __init__(
        self, url: str, *, policy: Policy = ASKING_STORE, on_change: OnChange | None = None
    ) -> None:
        """Prepare to use ``url``; nothing is opened yet.

        Args:
            url: ``sqlite:///path/to/file.db`` or ``postgresql+psycopg://user@host/name``.
            policy: how long a call waits for a lock, a free connection, or an answer; and what
                becomes of a PostgreSQL server that is down.
            on_change: told whenever that server's circuit opens or closes.

        Raises:
            ConfigurationError: the URL is not one of those, the driver is not installed, or the
                directory of the file cannot be made.
        """
        self._url = _parse(url)
        self._timeout_sec = policy.timeout_sec
        self._writer = threading.Lock()
        if self.is_sqlite:
            _make_directory(Path(str(self._url.database)))
        self._server: Server | None = None
        try:
            self.engine = create_engine(self._url, **self._engine_options())
            if not self.is_sqlite:
                self._server = _server(self.engine, policy, on_change)
        except ModuleNotFoundError as error:
            raise ConfigurationError(
                f"A PostgreSQL store needs the Python package {error.name!r}. Install it with: "
                "pip install 'dynogate[postgres]'"
            ) from error
        if self.is_sqlite:
            event.listen(self.engine, "connect", self._on_sqlite_connect)
            event.listen(self.engine, "begin", _on_sqlite_begin)
            event.listen(self.engine, "handle_error", _on_sqlite_error)

    @property
    def breaker(self) -> CircuitBreaker | None:
        """What leaves a PostgreSQL server alone while it is down; None for a file."""
        return None if self._server is None else self._server.breaker

    @property
    def is_sqlite(self) -> bool:
        """Whether this is a file on this machine."""
        return self._url.get_backend_name() == "sqlite"

    def migrate(self) -> None:
        """Bring the tables up to this version of the code; any number of processes may try at once.

        Raises:
            ConfigurationError: a newer version of Dynogate has already changed the tables.
            StoreUnavailable: the database cannot be used now.
        """
        with self.read() as connection:
            if upgrade(connection, apply=False):
                return
        server = self._server
        waiting = nullcontext() if server is None else server.patience.together(_MIGRATION_SEC)
        with waiting, self.write() as connection:
            upgrade(connection, apply=True)

    @contextmanager
    def read(self) -> Iterator[Connection]:
        """A transaction that sees one state of the database and changes nothing.

        Raises:
            StoreUnavailable: the database cannot be read now.
        """
        with (
            store_faults(),
            self.breaker or nullcontext(),
            self._connect() as connection,
            connection.begin(),
        ):
            yield connection

    @contextmanager
    def write(self) -> Iterator[Connection]:
        """A transaction that is durable once the block has ended, and undone if it raises.

        Raises:
            StoreUnavailable: the database cannot be written now; nothing was changed.
        """
        with (
            store_faults(),
            self.breaker or nullcontext(),
            self._turn_to_write(),
            self._connect().execution_options(**{_WRITES: True}) as connection,
            connection.begin(),
        ):
            yield connection

    def ping(self) -> None:
        """Ask the database for an answer, and see that SQLite's file can be written.

        Raises:
            StoreUnavailable: it gives none, or could not store anything.
        """
        with self.read() as connection:
            connection.execute(select(store_totals.c.profiles)).scalar_one()
        if self.is_sqlite:
            check_file(Path(str(self._url.database)))

    def size_bytes(self) -> int:
        """Disk space taken, indices and SQLite's log included.

        Raises:
            StoreUnavailable: the database cannot be asked now.
        """
        if self.is_sqlite:
            path = str(self._url.database)
            files = (Path(path), Path(f"{path}-wal"))
            return sum(file.stat().st_size for file in files if file.exists())
        sizes = [func.pg_total_relation_size(func.to_regclass(name)) for name in metadata.tables]
        with self.read() as connection:
            return sum(size or 0 for size in connection.execute(select(*sizes)).one())

    def give_space_back(self, *, max_pages: int | None = 2048) -> None:
        """Shrink SQLite's file where a quarter of it is unused.

        At most ``max_pages`` (of 4 KiB; None: all) in one call, so that no caller waits for long.
        Without effect on PostgreSQL, whose autovacuum does it, and while the file is locked:
        the space is reused by what is stored next anyway.
        """
        if not self.is_sqlite:
            return
        unable = suppress(StoreUnavailable, sqlite3.OperationalError)
        with unable, store_faults(), self.engine.connect() as connection:
            free = connection.exec_driver_sql("PRAGMA freelist_count").scalar_one()
            pages = connection.exec_driver_sql("PRAGMA page_count").scalar_one()
            connection.rollback()
            if free < _SPARE_PAGES or free < pages // 4:
                return
            driver: Any = connection.connection.driver_connection
            # A plain execute() takes only one step, which frees only one page.
            driver.executescript(f"PRAGMA incremental_vacuum({max_pages or free})")

    def close(self) -> None:
        """Close every connection; the next use opens new ones."""
        self.engine.dispose()

    def _connect(self) -> Connection:
        return self.engine.connect() if self._server is None else self._server.connect()

    def _engine_options(self) -> dict[str, Any]:
        options: dict[str, Any] = {"pool_timeout": self._timeout_sec}
        if not self.is_sqlite:
            options["pool_pre_ping"] = True  # a restarted server costs nobody an error
            options["connect_args"] = {
                "connect_timeout": math.ceil(self._timeout_sec),
                "tcp_user_timeout": 30_000,
                "application_name": "dynogate",
            }
        return options

    def _on_sqlite_connect(self, connection: sqlite3.Connection, _: ConnectionPoolEntry) -> None:
        connection.isolation_level = None  # transactions begin where `_on_sqlite_begin` says
        connection.execute(f"PRAGMA busy_timeout = {int(self._timeout_sec * 1000)}")
        self._insist(connection, "PRAGMA auto_vacuum = INCREMENTAL")  # of use in an empty file
        self._insist(connection, "PRAGMA journal_mode = WAL")
        connection.execute("PRAGMA synchronous = FULL")
        connection.execute("PRAGMA foreign_keys = ON")
        connection.execute(f"PRAGMA journal_size_limit = {_LOG_LIMIT_BYTES}")

    def _insist(self, connection: sqlite3.Connection, pragma: str) -> None:
        """Run what changes the file's header; SQLite does not always wait for that lock itself."""
        deadline = time.monotonic() + self._timeout_sec
        while True:
            try:
                connection.execute(pragma)
                return
            except sqlite3.OperationalError as error:
                if "locked" not in str(error) or time.monotonic() > deadline:
                    raise
                time.sleep(0.01)

    @contextmanager
    def _turn_to_write(self) -> Iterator[None]:
        """SQLite takes one writer: queue up here instead of polling for the lock of the file."""
        if not self.is_sqlite:
            yield
            return
        if not self._writer.acquire(timeout=self._timeout_sec):
            raise StoreUnavailable(
                "The store is not available: other writes have kept it busy for "
                f"{self._timeout_sec:g} s. Try again."
            )
        try:
            yield
        finally:
            self._writer.release()


def _server(engine: Engine, policy: Policy, on_change: OnChange | None) -> "Server":
    # Only now: its driver is an extra.
    from dynogate.store.postgres import Server

    return Server(engine, policy, on_change)


def _on_sqlite_begin(connection: Connection) -> None:
    # A transaction that reads and then writes may fail at once unless it begins as a writer.
    writes = connection.get_execution_options().get(_WRITES, False)
    connection.exec_driver_sql("BEGIN IMMEDIATE" if writes else "BEGIN")


def _on_sqlite_error(context: ExceptionContext) -> None:
    """Let go of a connection that was opened while the file could not be written.

    It would stay like that for ever, however long ago the file can be written again.
    """
    if "readonly" in str(context.original_exception):
        context.is_disconnect = True
        context.invalidate_pool_on_disconnect = False


def _parse(text_url: str) -> URL:
    try:
        url = make_url(text_url)
    except ArgumentError as error:
        raise ConfigurationError(
            "The store's URL is not a URL; expected sqlite:///path/to/file.db or "
            "postgresql+psycopg://user@host/name."
        ) from error
    if url.drivername in _POSTGRES:
        return url.set(drivername="postgresql+psycopg")
    if url.drivername != "sqlite":
        raise ConfigurationError(
            f"The store's URL begins with {url.drivername!r}; expected 'sqlite' or "
            "'postgresql+psycopg'."
        )
    if not url.database or url.database == ":memory:":
        raise ConfigurationError(
            "A SQLite store must be a file (sqlite:///path/to/file.db): one in memory would be "
            "a different one for every connection."
        )
    return url


def _make_directory(file: Path) -> None:
    try:
        # Profiles hold source text and output of programs: nobody else's business.
        file.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
    except OSError as error:
        raise ConfigurationError(
            f"The store's directory {str(file.parent)!r} cannot be made: {error.strerror}."
        ) from error
