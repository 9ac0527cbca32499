"""Stored load reports as resources, and what their ids may become."""

import asyncio
from collections.abc import Hashable, Mapping

from dynogate.load import units
from dynogate.load.report.model import Model
from dynogate.load.storage import LoadReportStorage
from dynogate.load.stored import StoredReport
from dynogate.tools.context import Services, ToolContext
from dynogate.tools.load.family import toolset
from dynogate.tools.resources import Entry, Page

_PAGE = 100


class LoadReportCard(Model):
    """What a reader should know of a load report before asking for all of it."""

    summary: StoredReport
    report_text: str


async def complete_report_id(ctx: ToolContext, typed: str, given: Mapping[str, str]) -> list[str]:
    """Ids of stored load reports that begin so, newest first."""
    storage = ctx.services.get(LoadReportStorage)
    return list(await asyncio.to_thread(storage.ids, typed, _PAGE + 1))


async def _page(ctx: ToolContext, cursor: str | None) -> Page:
    storage = ctx.services.get(LoadReportStorage)
    found = await asyncio.to_thread(storage.list, cursor=cursor, limit=_PAGE)
    return Page([_entry(row) for row in found.reports], found.next_cursor)


def _entry(row: StoredReport) -> Entry:
    return Entry(
        uri=f"load-report://{row.report_id}",
        name=f"{row.mode} of {row.url} ({row.report_id})",
        description=f"{row.created_at:%Y-%m-%d %H:%M:%S} UTC, {row.verdict}, "
        f"{units.number(row.goodput)}/s, p99 {units.seconds(row.p99_sec)}",
    )


def _marker(services: Services) -> Hashable:
    """The newest report and how many there are: one comes first, the oldest go."""
    storage = services.get(LoadReportStorage)
    return storage.count(), *storage.ids("", 1)


@toolset.resource(
    "load-report://{id}",
    mime_type="application/json",
    page=_page,
    marker=_marker,
    complete={"id": complete_report_id},
)
async def load_report(ctx: ToolContext, *, id: str) -> str | None:  # noqa: A002  (the template's)
    """A stored load report: its verdict, its main figures, and the report as text."""
    storage = ctx.services.get(LoadReportStorage)

    def read() -> str | None:
        row, text = storage.summary(id), storage.text(id)
        if row is None or text is None:
            return None
        return LoadReportCard(summary=row, report_text=text).model_dump_json()

    return await asyncio.to_thread(read)
