"""The table of reports: whole documents of a kind, which are only ever asked for one at a time."""

from dataclasses import dataclass
from datetime import datetime

from sqlalchemy import delete, insert, select

from dynogate.errors import UnreadableReport
from dynogate.store.blobs import DamagedBlob, pack, unpack
from dynogate.store.clock import from_us, now_us
from dynogate.store.database import Database
from dynogate.store.ids import new_id
from dynogate.store.schema import reports


@dataclass(frozen=True, slots=True, kw_only=True)
class StoredReport:
    """A report as it was stored."""

    id: str
    created_at: datetime
    document: bytes


class ReportTable:
    """Reports in a database. Every method raises `StoreUnavailable` where it cannot be used."""

    def __init__(self, database: Database, *, keep: int = 1000) -> None:
        """Reports in ``database``, of which the newest ``keep`` of each kind are kept."""
        self._database = database
        self._keep = keep

    def insert(self, kind: str, document: bytes) -> StoredReport:
        """Store a report under a new id, which begins with ``kind``."""
        report_id, created_us = new_id(kind), now_us()
        values = {
            "id": report_id,
            "kind": kind,
            "created_us": created_us,
            "document_bytes": len(document),
            "document": pack(document),
        }
        of_kind = select(reports.c.key).where(reports.c.kind == kind)
        too_old = of_kind.order_by(reports.c.key.desc()).offset(self._keep)
        with self._database.write() as connection:
            connection.execute(insert(reports).values(values))
            connection.execute(delete(reports).where(reports.c.key.in_(too_old)))
        return StoredReport(id=report_id, created_at=from_us(created_us), document=document)

    def get(self, kind: str, report_id: str | None = None) -> StoredReport | None:
        """The report of that kind with this id, or the newest; None where there is none.

        Raises:
            UnreadableReport: its bytes are damaged.
        """
        query = select(reports).where(reports.c.kind == kind)
        if report_id is not None:
            query = query.where(reports.c.id == report_id)
        with self._database.read() as connection:
            row = connection.execute(query.order_by(reports.c.key.desc()).limit(1)).first()
        if row is None:
            return None
        try:
            document = unpack(row.document, row.document_bytes)
        except DamagedBlob as error:
            raise UnreadableReport(
                f"The report {row.id!r} is stored, but damaged ({error}). Others are not affected."
            ) from error
        return StoredReport(id=row.id, created_at=from_us(row.created_us), document=document)
