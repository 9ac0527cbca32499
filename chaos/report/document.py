"""The document of a chaos run, as it is written to JSON and read back.

Every time is in seconds. What was not measured is null. ``docs/chaos-report.schema.json`` is this
module's JSON schema. Within one major ``schema_version`` fields are only ever added.
"""

import platform
from collections.abc import Iterator, Mapping, Sequence
from datetime import UTC, datetime
from pathlib import Path
from typing import Any, Literal

from pydantic import Field, ValidationError

from chaos.phases import figure as figure_of
from chaos.phases import phase
from chaos.runner import Outcome
from chaos.spec import Fault
from dynogate import __version__
from dynogate.errors import ConfigurationError
from dynogate.load.report.model import Model, figure
from dynogate.load.report.windows import Window, windows_of

MAJOR = 1
SCHEMA_VERSION = f"{MAJOR}.0"
State = Literal["green", "red", "not run"]
_PHASES: tuple[Literal["base", "fault", "after"], ...] = ("base", "fault", "after")
_WINDOWS = 40
"""Of a timeline: short runs at low rates have few calls in each."""
_SHOWN = ("calls", "ok", "failures", "p50", "p95", "p99", "max")


class BarReport(Model):
    """A bar, held against its figure."""

    says: str
    text: str = Field(description="The figure and its limits.")
    passed: bool


class ProofReport(Model):
    """What showed that the fault bit, or that it did not."""

    text: str
    bit: bool


class ActivityReport(Model):
    """One activity that the Chaos Toolkit ran."""

    part: Literal["before", "method", "after", "rollbacks"]
    kind: str
    name: str
    status: str
    start: float = Field(description="Seconds since the experiment's time 0.")
    seconds: float | None


class StreamReport(Model):
    """One stream of the load beside the experiment."""

    target: str
    tool: str
    rate: float = Field(description="Calls a second that were asked for.")
    outcomes: dict[str, int]
    phases: dict[str, dict[str, float | None]]
    windows: tuple[Window, ...]
    complaints: dict[str, int] = Field(description="What was wrong with replies, and how often.")


class ExperimentReport(Model):
    """One experiment and what became of it."""

    name: str
    title: str
    description: str
    service: str = Field(description="Row of the matrix.")
    fault: Fault = Field(description="Column of the matrix.")
    how: str = Field(description="The fault with its figures.")
    quick: bool
    state: State
    reasons: tuple[str, ...] = Field(description="Why it is not green.")
    proofs: tuple[ProofReport, ...]
    bars: tuple[BarReport, ...]
    recovery: float | None
    window: tuple[float, float] | None = Field(description="When the fault was in.")
    started_at: datetime
    seconds: float
    activities: tuple[ActivityReport, ...]
    streams: dict[str, StreamReport]
    gateway_log: str = Field(
        default="", description="The end of it, where the experiment is not green."
    )


class Report(Model):
    """All experiments of a run."""

    schema_version: str = SCHEMA_VERSION
    dynogate: str
    machine: str
    python: str
    started_at: datetime
    seconds: float
    experiments: tuple[ExperimentReport, ...]

    @property
    def green(self) -> bool:
        """Whether every experiment is, and there was one."""
        return bool(self.experiments) and all(e.state == "green" for e in self.experiments)

    @property
    def exit_code(self) -> int:
        """0 all green, 1 one is red, 3 one could not be run to its end."""
        states = {each.state for each in self.experiments}
        if "not run" in states or not states:
            return 3
        return 1 if "red" in states else 0


def report_of(outcomes: Sequence[Outcome]) -> Report:
    """The report of what was run, in that order.

    Raises:
        ValueError: nothing was.
    """
    if not outcomes:
        raise ValueError("no experiment was run")
    return Report(
        dynogate=__version__,
        machine=f"{platform.system()} {platform.machine()}",
        python=platform.python_version(),
        started_at=_moment(outcomes[0].started),
        seconds=round(sum(each.seconds for each in outcomes), 3),
        experiments=tuple(map(_experiment, outcomes)),
    )


def _moment(seconds: float) -> datetime:
    return datetime.fromtimestamp(seconds, UTC)


def _experiment(outcome: Outcome) -> ExperimentReport:
    experiment, verdict, evidence = outcome.experiment, outcome.verdict, outcome.evidence
    zero = min((each.start for each in evidence.taken.values()), default=outcome.started)
    span = verdict.span
    unjudged = bool(evidence.stopped or evidence.broken) or evidence.journal is None
    state: State = "green" if verdict.green else "not run" if unjudged else "red"
    return ExperimentReport(
        name=experiment.name,
        title=experiment.title,
        description=str(experiment.document["description"]).strip(),
        service=experiment.spec.service,
        fault=experiment.spec.fault,
        how=experiment.spec.how,
        quick=experiment.spec.quick,
        state=state,
        reasons=verdict.reasons,
        proofs=tuple(ProofReport(text=text, bit=bit) for text, bit in verdict.proofs),
        bars=tuple(
            BarReport(says=each.says, text=each.text, passed=each.passed) for each in verdict.bars
        ),
        recovery=figure(verdict.recovery),
        window=None if span is None else (round(span.begins - zero, 3), round(span.ends - zero, 3)),
        started_at=_moment(outcome.started),
        seconds=round(outcome.seconds, 3),
        activities=tuple(_activities(evidence.journal or {}, zero)),
        streams=dict(_streams(outcome)),
        gateway_log="" if state == "green" else evidence.log,
    )


def _activities(journal: Mapping[str, Any], zero: float) -> Iterator[ActivityReport]:
    states = journal.get("steady_states", {})
    parts: tuple[tuple[Literal["before", "method", "after", "rollbacks"], list[Any]], ...] = (
        ("before", (states.get("before") or {}).get("probes", [])),
        ("method", journal.get("run", [])),
        ("after", (states.get("after") or {}).get("probes", [])),
        ("rollbacks", journal.get("rollbacks", [])),
    )
    for part, runs in parts:
        for run in runs:
            yield ActivityReport(
                part=part,
                kind=run["activity"]["type"],
                name=run["activity"]["name"],
                status=run.get("status", "never ended"),
                start=round(datetime.fromisoformat(run["start"]).timestamp() - zero, 3),
                seconds=figure(run.get("duration")),
            )


def _streams(outcome: Outcome) -> Iterator[tuple[str, StreamReport]]:
    span = outcome.verdict.span
    for stream in outcome.experiment.spec.streams:
        taken = outcome.evidence.taken.get(stream.name)
        if taken is None:
            continue
        samples = taken.run.samples
        phases = {}
        if span is not None:
            cut = {part: phase(taken, span, part) for part in _PHASES}
            phases = {
                part: {name: figure(figure_of(calls, name)) for name in _SHOWN}
                for part, calls in cut.items()
            }
        yield (
            stream.name,
            StreamReport(
                target=stream.via,
                tool=stream.tool,
                rate=stream.rate,
                outcomes={kind.name.lower(): n for kind, n in samples.counts.items()},
                phases=phases,
                windows=windows_of(samples, _WINDOWS),
                complaints=dict(taken.run.complaints),
            ),
        )


def write_report(report: Report, path: Path) -> None:
    """Write it as JSON."""
    path.write_text(report.model_dump_json(indent=1) + "\n")


def read_report(path: Path) -> Report:
    """Read it back.

    Raises:
        ConfigurationError: it cannot be read, or is no report of this major version.
    """
    try:
        report = Report.model_validate_json(path.read_bytes())
    except (OSError, ValidationError) as error:
        raise ConfigurationError(f"no chaos report in {str(path)!r}: {error}") from error
    if report.schema_version.partition(".")[0] != str(MAJOR):
        raise ConfigurationError(f"{str(path)!r} is a report of version {report.schema_version}")
    return report


def chaos_report_schema() -> dict[str, Any]:
    """The JSON schema of a report."""
    return Report.model_json_schema(mode="serialization")
