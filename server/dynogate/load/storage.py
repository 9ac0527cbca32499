"""Stored load reports: keep, find and page through them. Needs no package of the extra ``load``."""

import re
from dataclasses import replace
from datetime import datetime

from dynogate.load.outcome import Result
from dynogate.load.stored import ReportPage, StoredReport, Verdict, stored_report
from dynogate.store.clock import to_us
from dynogate.store.database import Database
from dynogate.store.ids import new_id
from dynogate.store.load_reports import LoadReportFilter, LoadReportTable
from dynogate.store.paging import one_page
from dynogate.store.rows import Retention

_ID_START = re.compile("[0-9a-z_]{0,40}")


class LoadReportStorage:
    """Load reports that outlive the process, in a database whose tables are there.

    Every method raises `StoreUnavailable` while the database cannot be used.

    Args:
        database: any number of threads and processes may use it.
        max_reports: how many are kept; the oldest stored go first. None: any number.
        max_bytes: how much they may take, compressed; the newest is always kept.
    """

    def __init__(
        self, database: Database, *, max_reports: int | None = None, max_bytes: int | None = None
    ) -> None:
        self._table = LoadReportTable(database)
        self._retention = Retention(max_count=max_reports, max_bytes=max_bytes)

    def store(self, result: Result) -> str:
        """Keep ``result`` under a new id; it is on the disk when this returns."""
        report_id = new_id("load")
        self._table.insert(
            replace(result.row, id=report_id),
            text=result.text,
            document=bytes(result.document),
            retention=self._retention,
        )
        return report_id

    def summary(self, report_id: str) -> StoredReport | None:
        """What is known of the report without opening it, or None where none has this id."""
        row = self._table.row(report_id)
        return None if row is None else stored_report(row)

    def text(self, report_id: str) -> str | None:
        """The report for a reader, or None where none has this id."""
        return self._table.text(report_id)

    def document(self, report_id: str) -> bytes | None:
        """The report as JSON, or None where none has this id.

        Raises:
            UnreadableReport: it is damaged.
        """
        return self._table.document(report_id)

    def list(
        self,
        url: str | None = None,
        verdict: Verdict | None = None,
        since: datetime | None = None,
        until: datetime | None = None,
        cursor: str | None = None,
        limit: int = 50,
    ) -> ReportPage:
        """The stored reports, newest first, a page at a time.

        Args:
            url: as the reports have it.
            verdict: held, failed or invalid.
            since: made then or later; without a time zone: UTC.
            until: made before; without a time zone: UTC.
            cursor: ``next_cursor`` of the page before, with the same filters.
            limit: how many at most.

        Raises:
            InvalidParams: ``cursor`` is not one of this list.
        """
        wanted = LoadReportFilter(
            url=url,
            verdict=verdict,
            since_us=None if since is None else to_us(since),
            until_us=None if until is None else to_us(until),
        )
        rows, next_cursor = one_page(
            lambda after, most: self._table.page(wanted, after=after, limit=most),
            cursor,
            limit,
            of=str(wanted),
        )
        return ReportPage(reports=tuple(map(stored_report, rows)), next_cursor=next_cursor)

    def ids(self, prefix: str, limit: int) -> tuple[str, ...]:
        """Ids of stored reports that begin with ``prefix``, newest first, at most ``limit``."""
        return self._table.ids(prefix, limit) if _ID_START.fullmatch(prefix) else ()

    def count(self) -> int:
        """How many are stored."""
        return self._table.count()
