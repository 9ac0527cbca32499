"""The table of load reports: plain rows in, plain rows out."""

from dataclasses import asdict, dataclass, fields
from typing import Any

from sqlalchemy import ColumnElement, Connection, Select, delete, func, insert, select, tuple_

from dynogate.errors import UnreadableReport
from dynogate.store.blobs import DamagedBlob, pack, unpack
from dynogate.store.database import Database
from dynogate.store.paging import Position
from dynogate.store.rows import Retention
from dynogate.store.schema import load_reports

# What a row takes on disk beside its text and document, indices included.
_OVERHEAD_BYTES = 500
# A store evicts at most this many, so that a lowered limit is reached step by step.
_EVICTED_AT_ONCE = 64


@dataclass(frozen=True, slots=True)
class LoadReportRow:
    """What is stored of a load report in columns; rates are a second, shares 0 to 1."""

    id: str
    created_us: int
    mode: str
    url: str
    transport: str
    tools: str
    loop: str
    verdict: str
    summary: str
    interrupted: bool
    duration_sec: float
    calls: int
    success_rate: float | None
    goodput: float | None
    p50_sec: float | None
    p95_sec: float | None
    p99_sec: float | None
    breaking_point: float | None


@dataclass(frozen=True, slots=True)
class StoredLoadReportRow(LoadReportRow):
    """A row as it came back: with its size, and its place in the order of inserts."""

    stored_bytes: int
    key: int


@dataclass(frozen=True, slots=True, kw_only=True)
class LoadReportFilter:
    """Which reports to list; every field given must hold (None: any)."""

    url: str | None = None
    verdict: str | None = None
    since_us: int | None = None
    until_us: int | None = None


_TABLE = load_reports.c
_COLUMNS = [_TABLE[field.name] for field in fields(StoredLoadReportRow)]


class LoadReportTable:
    """Load reports in a database.

    Every method raises `StoreUnavailable` where the database cannot be used.
    """

    def __init__(self, database: Database) -> None:
        self._database = database

    def insert(
        self, row: LoadReportRow, *, text: str, document: bytes, retention: Retention
    ) -> None:
        """Store a report and, in the same transaction, drop the oldest ones beyond ``retention``.

        The report itself is kept even where it alone is over the limit of bytes.
        """
        packed = pack(document)
        values = asdict(row) | {
            "text": text,
            "document": packed,
            "document_bytes": len(document),
            "stored_bytes": len(packed) + len(text) + _OVERHEAD_BYTES,
        }
        with self._database.write() as connection:
            connection.execute(insert(load_reports).values(values))
            key = connection.execute(select(_TABLE.key).where(_TABLE.id == row.id)).scalar_one()
            evicted = _evict(connection, retention, keep=key)
        if evicted:
            self._database.give_space_back()

    def row(self, report_id: str) -> StoredLoadReportRow | None:
        """The report's columns, or None where it is not stored."""
        with self._database.read() as connection:
            found = connection.execute(select(*_COLUMNS).where(_TABLE.id == report_id)).first()
        return None if found is None else StoredLoadReportRow(*found)

    def text(self, report_id: str) -> str | None:
        """The report for a reader, or None where it is not stored."""
        with self._database.read() as connection:
            query = select(_TABLE.text).where(_TABLE.id == report_id)
            text: str | None = connection.execute(query).scalar()
        return text

    def document(self, report_id: str) -> bytes | None:
        """The report as JSON, or None where it is not stored.

        Raises:
            UnreadableReport: its bytes are damaged.
        """
        query = select(_TABLE.document, _TABLE.document_bytes).where(_TABLE.id == report_id)
        with self._database.read() as connection:
            found = connection.execute(query).first()
        if found is None:
            return None
        try:
            return unpack(found.document, found.document_bytes)
        except DamagedBlob as error:
            raise UnreadableReport(
                f"Load report {report_id!r} is stored, but its document is damaged ({error}). Run "
                "the test again; the other reports are not affected."
            ) from error

    def page(
        self, wanted: LoadReportFilter, *, after: Position | None, limit: int
    ) -> tuple[StoredLoadReportRow, ...]:
        """At most ``limit`` rows, newest first, from behind ``after``."""
        query = _newest_first(wanted, after).limit(limit)
        with self._database.read() as connection:
            return tuple(StoredLoadReportRow(*row) for row in connection.execute(query))

    def ids(self, prefix: str, limit: int) -> tuple[str, ...]:
        """At most ``limit`` ids that begin with ``prefix``, newest first."""
        query = select(_TABLE.id).order_by(_TABLE.created_us.desc(), _TABLE.key.desc())
        if prefix:
            query = query.where(func.substr(_TABLE.id, 1, len(prefix)) == prefix)
        with self._database.read() as connection:
            return tuple(connection.execute(query.limit(limit)).scalars())

    def count(self) -> int:
        """How many are stored."""
        with self._database.read() as connection:
            return _totals(connection)[0]


def _newest_first(wanted: LoadReportFilter, after: Position | None) -> Select[Any]:
    conditions: list[ColumnElement[bool]] = []
    if wanted.url is not None:
        conditions.append(_TABLE.url == wanted.url)
    if wanted.verdict is not None:
        conditions.append(_TABLE.verdict == wanted.verdict)
    if wanted.since_us is not None:
        conditions.append(_TABLE.created_us >= wanted.since_us)
    if wanted.until_us is not None:
        conditions.append(_TABLE.created_us < wanted.until_us)
    if after is not None:
        place = tuple_(_TABLE.created_us, _TABLE.key)
        conditions.append(place < tuple_(after.created_us, after.key))
    query = select(*_COLUMNS).where(*conditions)
    return query.order_by(_TABLE.created_us.desc(), _TABLE.key.desc())


def _totals(connection: Connection) -> tuple[int, int]:
    query = select(func.count(), func.coalesce(func.sum(_TABLE.stored_bytes), 0))
    count, size = connection.execute(query).one()
    return int(count), int(size)


def _evict(connection: Connection, retention: Retention, *, keep: int) -> bool:
    count, size = _totals(connection)
    if not retention.exceeded_by(count, size):
        return False
    oldest = (
        select(_TABLE.key, _TABLE.stored_bytes)
        .where(_TABLE.key != keep)
        .order_by(_TABLE.key)
        .limit(_EVICTED_AT_ONCE)
    )
    doomed = []
    for row in connection.execute(oldest):
        if not retention.exceeded_by(count, size):
            break
        doomed.append(row.key)
        count, size = count - 1, size - row.stored_bytes
    connection.execute(delete(load_reports).where(_TABLE.key.in_(doomed)))
    return bool(doomed)
