"""Tools that find stored load reports, hand them out and compare them."""

import asyncio
from datetime import datetime
from typing import TYPE_CHECKING, Annotated, Any, Literal

import msgspec
from pydantic import Field

from dynogate.errors import ConfigurationError, UnreadableReport
from dynogate.jobs.queue import JobHandle
from dynogate.load import units
from dynogate.load.report.model import Model
from dynogate.load.storage import LoadReportStorage
from dynogate.load.stored import ReportPage, StoredReport, Verdict
from dynogate.tools.context import ToolContext
from dynogate.tools.load.family import (
    READ,
    ReportId,
    load_document,
    load_summary,
    not_found,
    require_extra,
    toolset,
)

if TYPE_CHECKING:
    from dynogate.load.report.document import Report

# What reads whole reports is imported where it is used: it needs packages of the extra ``load``.

Format = Literal["summary", "full", "html"]


class LoadReportList(ReportPage):
    """A page of stored load reports."""

    def text(self) -> str:
        """A line for each."""
        if not self.reports:
            return "No stored load report matches. run_load_test makes one."
        lines = [_line(row) for row in self.reports]
        if self.next_cursor:
            lines.append(f"more with cursor={self.next_cursor}")
        return "\n".join(lines)


def _line(row: StoredReport) -> str:
    knee = f", breaks at {units.number(row.breaking_point)}/s" if row.breaking_point else ""
    return (
        f"{row.report_id}  {row.created_at:%Y-%m-%d %H:%M:%S}  {row.verdict.upper():7}  "
        f"{row.mode} of {row.url}: {units.number(row.goodput)}/s, "
        f"p99 {units.seconds(row.p99_sec)}, {units.percent(row.success_rate)} succeeded{knee}"
    )


class LoadReportFile(Model):
    """A stored load report."""

    report_id: str = Field(description="The report.")
    format: Format = Field(description="What was asked for.")
    summary: StoredReport = Field(description="The verdict and the main figures.")
    report_text: str = Field(description="The report for a reader.")
    report: dict[str, Any] | None = Field(
        description="The whole report (docs/load-report.schema.json; it has a schema_version); "
        "null unless format is full."
    )
    html: str | None = Field(description="A page with plots; null unless format is html.")

    def text(self) -> str:
        """The report as text, whatever else there is."""
        return self.report_text


class ReportChange(Model):
    """One figure, before and after."""

    run: str = Field(description="Which run: concurrent, sustained, ramp-up.")
    figure: str
    before: float | None
    after: float | None
    ratio: float | None = Field(description="After over before; null where it was a difference.")
    low: float | None = Field(description="Lower end of the 99 % interval.")
    high: float | None
    verdict: Literal["regression", "improvement", "noise"]
    text: str


class LoadComparison(Model):
    """Two load reports side by side."""

    before_id: str
    after_id: str
    verdict: Literal["regression", "improvement", "noise", "incomparable"]
    changes: tuple[ReportChange, ...]
    caveats: tuple[str, ...] = Field(description="Why the two may not be about the same.")
    explanation: str = Field(description="The verdict, and what it rests on.")

    def text(self) -> str:
        """The verdict, and what it rests on."""
        return self.explanation


@toolset.tool(scope="tools:read", annotations=READ)
async def list_load_reports(
    ctx: ToolContext,
    *,
    target_url: Annotated[
        str | None,
        Field(description="Only reports of this URL, as a report has it.", max_length=2048),
    ] = None,
    verdict: Annotated[
        Verdict | None, Field(description="Only reports that held, failed, or are invalid.")
    ] = None,
    since: Annotated[
        datetime | None, Field(description="Only reports made then or later (ISO 8601).")
    ] = None,
    until: Annotated[
        datetime | None, Field(description="Only reports made before (ISO 8601).")
    ] = None,
    cursor: Annotated[
        str | None,
        Field(description="next_cursor of the page before, with the same filters.", max_length=500),
    ] = None,
    limit: Annotated[int, Field(description="Reports on a page.", ge=1, le=1000)] = 50,
) -> LoadReportList:
    """List stored load reports, newest first, a page at a time.

    Use it to find a report_id, to compare with or to read. Returns for each report when and what
    was loaded, its verdict, rate, latency and breaking point, and next_cursor where there are more.
    """
    storage = ctx.services.get(LoadReportStorage)
    page = await asyncio.to_thread(storage.list, target_url, verdict, since, until, cursor, limit)
    return LoadReportList(reports=page.reports, next_cursor=page.next_cursor)


@toolset.tool(scope="tools:read", annotations=READ)
async def get_load_report(
    ctx: ToolContext,
    *,
    report_id: ReportId,
    format: Annotated[  # noqa: A002  (the argument's public name)
        Format,
        Field(
            description="summary (main figures, and the report as text); full (also the whole "
            "report as JSON, with every window and step); html (also a page with plots)."
        ),
    ] = "summary",
) -> LoadReportFile:
    """Fetch a stored load report: its verdict, figures and text, or all of it.

    Use summary to read it: verdict and reason, outcomes, latency percentiles, steps, breaking
    point, drift, limits kept or not, and complaints about replies. Use full for figures over time.
    """
    if format == "html":
        require_extra("format html", "jinja2", "scipy")
    storage = ctx.services.get(LoadReportStorage)
    return await asyncio.to_thread(_fetch, storage, report_id, format)


def _fetch(storage: LoadReportStorage, report_id: str, chosen: Format) -> LoadReportFile:
    summary, text = load_summary(storage, report_id), storage.text(report_id)
    if text is None:  # it went in between
        raise not_found(report_id)
    report, page = None, None
    if chosen != "summary":
        document = load_document(storage, report_id)
        if chosen == "full":
            report = msgspec.json.decode(document, type=dict[str, Any])
        else:
            from dynogate.load.report.html import report_html

            page = report_html(_parsed(document, report_id))
    return LoadReportFile(
        report_id=report_id,
        format=chosen,
        summary=summary,
        report_text=text,
        report=report,
        html=page,
    )


@toolset.tool(scope="tools:read", annotations=READ, long_running=True)
async def compare_load_reports(
    ctx: ToolContext, *, before_id: ReportId, after_id: ReportId
) -> LoadComparison:
    """Say whether a server got slower or faster under load between two reports.

    Use it after run_load_test on both versions with the same arguments. Returns the verdict
    (regression, improvement, noise, or incomparable where a report is invalid or nothing matches),
    each figure's ratio with its 99 % interval (latency percentiles, successes a second, breaking
    point, failures), and caveats where the two were not made alike. A figure has changed where the
    whole interval lies beyond 10 %; repeat a run that decides something.
    """
    require_extra("compare_load_reports", "scipy")
    storage = ctx.services.get(LoadReportStorage)

    def work(_: JobHandle) -> LoadComparison:
        before, after = (load_document(storage, each) for each in (before_id, after_id))
        return _compare(before_id, before, after_id, after)

    return await ctx.run_job("compare_load_reports", work)


def _compare(before_id: str, before: bytes, after_id: str, after: bytes) -> LoadComparison:
    from dynogate.load.comparison import compare_reports

    found = compare_reports(_parsed(before, before_id), _parsed(after, after_id))
    return LoadComparison(
        before_id=before_id,
        after_id=after_id,
        verdict=found.verdict,
        changes=tuple(ReportChange(**change.model_dump()) for change in found.changes),
        caveats=found.caveats,
        explanation=found.text,
    )


def _parsed(document: bytes, report_id: str) -> "Report":
    from dynogate.load.report.document import parse_report

    try:
        return parse_report(document, report_id)
    except ConfigurationError as error:
        raise UnreadableReport(error.message) from error
