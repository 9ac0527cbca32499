"""Database errors, turned into the one error of the store that says what to do."""

import os
import shutil
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from sqlalchemy.exc import DataError, DBAPIError, IntegrityError
from sqlalchemy.exc import TimeoutError as PoolTimeout

from dynogate.errors import CircuitOpen, StoreUnavailable

# A part of the driver's message, and what it means to the operator. SQLite's texts are those of
# sqlite3_errstr (sqlite.org/rescode.html); PostgreSQL's come from libpq and psycopg 3.
_ADVICE = (
    (
        "is locked",
        "another process has held its write lock for too long. Try again; if that lasts, look "
        "for a process that has the file open.",
    ),
    (
        "is full",
        "the disk, or a quota on it, is full. Free some space, or keep less in the store.",
    ),
    (
        "readonly",
        "it cannot be written. Give this user write access to the file and to its directory.",
    ),
    (
        "read-only",
        "the server takes no writes now. Point the store's URL at the primary server.",
    ),
    (
        "malformed",
        "the database file is damaged. Restore it from a backup, or move it away to start anew.",
    ),
    (
        "not a database",
        "the file is not a SQLite database. Move it away, or point the store's URL elsewhere.",
    ),
    (
        "unable to open",
        "the database file cannot be opened. Check that its directory exists and may be written, "
        "and that this process may open more files.",
    ),
    (
        "disk i/o error",
        "the disk failed to read or write. Check the disk and the system's log.",
    ),
    (
        "no such table",
        "its tables are missing. Restart the gateway to create them.",
    ),
    (
        "does not exist",
        "the database or its tables are missing. Create the database and restart the gateway.",
    ),
    (
        "already exists",
        "something else has a table of the same name there. Point its URL at an empty database.",
    ),
    (
        "connection",
        "the database server cannot be reached. Check that it runs and that the store's URL is "
        "right; the gateway reconnects by itself.",
    ),
)
_ROOM = 2**20  # bytes; a few transactions
_OTHERWISE = "the database reported an error; the gateway's log has it. Try again."


@contextmanager
def store_faults() -> Iterator[None]:
    """Turn what the database cannot do now into `StoreUnavailable`.

    The driver's own text may name hosts, users and SQL: it goes into the chain of causes, for
    the log, and never into the message.

    Raises:
        StoreUnavailable: the database is locked, full, read-only, damaged or out of reach.
    """
    try:
        yield
    except (IntegrityError, DataError):
        raise  # a fault of ours, not of the database's state
    except CircuitOpen as error:
        raise StoreUnavailable(
            "The store is not available: its database server has kept failing and is not asked "
            f"now. Try again in {error.retry_after:.3f} s.",
            retry_after=error.retry_after,
        ) from error
    except PoolTimeout as error:
        raise StoreUnavailable(
            "The store is not available: every connection to it is in use. Try again."
        ) from error
    except DBAPIError as error:
        raise StoreUnavailable(
            f"The store is not available: {_advice(str(error.orig).lower())}"
        ) from error


def check_file(path: Path) -> None:
    """See that SQLite could store something in the file at ``path``, which exists.

    Raises:
        StoreUnavailable: it may not be written, or the disk is full.
    """
    if not (os.access(path, os.W_OK) and os.access(path.parent, os.W_OK | os.X_OK)):
        raise StoreUnavailable(f"The store is not available: {_advice('readonly')}")
    if shutil.disk_usage(path.parent).free < _ROOM:
        raise StoreUnavailable(f"The store is not available: {_advice('is full')}")


def _advice(said: str) -> str:
    for part, advice in _ADVICE:
        if part in said:
            return advice
    return _OTHERWISE
