"""The report for a terminal: the verdict, what it rests on, and the figures in tables."""

from collections.abc import Iterator

from rich.console import Group, RenderableType
from rich.table import Table
from rich.text import Text

from dynogate.load import units
from dynogate.load.report.document import Report, Run

_STYLES = {"held": "bold green", "failed": "bold red", "invalid": "bold yellow"}


def summary(report: Report) -> str:
    """Why the verdict is what it is, in one line."""
    runs = report.runs
    reasons = [reason for run in runs for reason in run.certificate.reasons]
    if report.verdict == "invalid":
        why = "; ".join(reasons)
        return f"The generator could not do what it was asked, so no figure here counts: {why}."
    broken = [each.text for run in runs for each in run.thresholds if not each.passed]
    if report.verdict == "failed":
        return f"Not kept: {'; '.join(broken)}." if broken else "The run failed."
    asked = sum(len(run.thresholds) for run in runs)
    kept = "no limit was asked for"
    if asked:
        kept = "the limit was kept" if asked == 1 else f"all {asked} limits were kept"
    drifts = [each for run in runs for each in run.drift if each.verdict == "growing"]
    but = "".join(f" But {each.quantity}: {each.text}." for each in drifts)
    return f"The generator did what it was asked; {kept}.{but}"


def report_text(report: Report) -> RenderableType:
    """What a person wants to see after a run, for a rich console."""
    verdict = Text(report.verdict.upper(), _STYLES[report.verdict])
    verdict.append(f"  {summary(report)}", "not bold default")
    return Group(verdict, *(part for run in report.runs for part in _run(run)))


def _run(run: Run) -> Iterator[RenderableType]:
    how = "open loop" if run.loop == "open" else f"closed loop, {run.users} callers"
    cut = ", interrupted" if run.interrupted else ""
    length = f"{len(run.steps)} steps" if run.steps else f"{units.number(run.duration)} s"
    yield Text(f"\n{run.name}: {how}, {length}{cut}", "bold")
    outcomes = ", ".join(f"{name} {count:,}" for name, count in run.outcomes.items())
    yield Text(
        f"{run.calls:,} calls ({outcomes or 'none'}), {units.percent(run.success_rate)} succeeded, "
        f"goodput {units.number(run.goodput)}/s of {units.number(run.offered_rate)}/s"
    )
    yield _times(run)
    if run.steps:
        yield _steps(run)
    yield from map(Text, _findings(run))


def _times(run: Run) -> Table:
    table = Table("", "p50", "p95", "p99", "p99.9", "max", box=None, pad_edge=False)
    rows = [("response time", run.response_time), ("service time", run.service_time)]
    rows += [(f"  {name}", each.response_time) for name, each in run.endpoints.items()]
    for name, times in rows:
        values = (times.p50, times.p95, times.p99, times.p999, times.max)
        table.add_row(Text(name), *(units.seconds(value) for value in values))
    return table


def _steps(run: Run) -> Table:
    table = Table("load", "goodput", "succeeded", "p50", "p99", "held", box=None, pad_edge=False)
    for step in run.steps:
        table.add_row(
            units.number(step.load),
            f"{units.number(step.goodput)}/s",
            units.percent(step.success_rate),
            units.seconds(step.p50),
            units.seconds(step.p99),
            Text(step.broken_by or "yes"),
        )
    return table


def _findings(run: Run) -> Iterator[str]:
    if run.breaking_point is not None:
        yield f"breaking point: {run.breaking_point.text}"
        yield f"  held means: {run.breaking_point.rule.text}"
    if run.scalability is not None:
        yield f"scalability: {run.scalability.text}"
    if run.recovery is not None:
        yield f"recovery after overload: {units.seconds(run.recovery)}"
    yield from (f"{each.quantity}: {each.text}" for each in run.drift)
    yield from (f"{'kept' if each.passed else 'NOT KEPT'}: {each.text}" for each in run.thresholds)
    yield f"generator: {run.certificate.verdict}"
    yield from (f"  {reason}" for reason in run.certificate.reasons)
    yield from (f"beware: {warning}" for warning in run.warnings)
