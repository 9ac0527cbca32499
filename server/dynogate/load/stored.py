"""A stored load report as it is known without being opened, to and from rows of the store."""

from datetime import datetime
from typing import TYPE_CHECKING, Literal

from pydantic import Field

from dynogate.load.report.model import Model
from dynogate.store.clock import from_us, to_us
from dynogate.store.load_reports import LoadReportRow, StoredLoadReportRow

if TYPE_CHECKING:  # it needs the packages of the extra ``load``
    from dynogate.load.report.document import Report

Verdict = Literal["held", "failed", "invalid"]


class StoredReport(Model):
    """What is known of a stored load report without opening it."""

    report_id: str
    created_at: datetime
    mode: Literal["concurrent", "sustained", "ramp_up", "breaking_point"]
    url: str = Field(description="What was loaded, without the query.")
    transport: str
    tools: tuple[str, ...] = Field(description="What was called.")
    loop: Literal["open", "closed"]
    verdict: Verdict = Field(
        description="held: every limit was kept; failed: one was not; invalid: the generator was "
        "too slow for the figures to be the server's."
    )
    summary: str = Field(description="Why the verdict is what it is.")
    interrupted: bool = Field(description="It ended before it was done.")
    duration_sec: float
    calls: int
    success_rate: float | None = Field(description="Share of the answered calls that succeeded.")
    goodput: float | None = Field(description="Successes a second.")
    p50_sec: float | None = Field(description="Of the response time, from the intended send.")
    p95_sec: float | None
    p99_sec: float | None
    breaking_point: float | None = Field(
        description="Successes a second that the server sustains, where that was found."
    )
    stored_bytes: int = Field(description="What it takes in the store, compressed.")


class ReportPage(Model):
    """Some of the stored load reports, newest first."""

    reports: tuple[StoredReport, ...]
    next_cursor: str | None = Field(description="Asks for the next page; null on the last one.")


def row_of(report: "Report", mode: str, summary: str) -> LoadReportRow:
    """The columns of ``report``; it gets its id where it is stored."""
    knee = report.breaking_point.knee if report.breaking_point is not None else None
    return LoadReportRow(
        id="",
        created_us=to_us(report.started_at),
        mode=mode,
        url=report.target.url,
        transport=report.target.transport,
        tools="\n".join(report.target.calls),
        loop=report.loop,
        verdict=report.verdict,
        summary=summary,
        interrupted=report.interrupted,
        duration_sec=report.duration,
        calls=report.calls,
        success_rate=report.success_rate,
        goodput=report.goodput,
        p50_sec=report.response_time.p50,
        p95_sec=report.response_time.p95,
        p99_sec=report.response_time.p99,
        breaking_point=None if knee is None else knee.value,
    )


def stored_report(row: StoredLoadReportRow) -> StoredReport:
    """The row, in the words of the domain."""
    return StoredReport.model_validate(
        {
            "report_id": row.id,
            "created_at": from_us(row.created_us),
            "tools": tuple(row.tools.split("\n")),
            **{
                name: getattr(row, name)
                for name in StoredReport.model_fields
                if name not in {"report_id", "created_at", "tools"}
            },
        }
    )
