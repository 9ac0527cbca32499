"""The document of a load run, as it is written to JSON and read back.

Every time is in seconds, every rate a second, every share 0 to 1; memory is in bytes. What was not
measured is null. ``docs/load-report.schema.json`` is this module's JSON schema. Within one major
``schema_version`` fields are only ever added.
"""

import dataclasses
from collections.abc import Mapping
from datetime import datetime
from pathlib import Path
from typing import Any, Literal

from pydantic import Field, ValidationError

from dynogate.errors import ConfigurationError
from dynogate.load.breaking_point import BreakingPoint
from dynogate.load.drift import Drift
from dynogate.load.report.model import Model, figure
from dynogate.load.report.windows import Window, windows_of
from dynogate.load.samples import Loop, Percentiles, Samples
from dynogate.load.scalability import Scalability
from dynogate.load.steps import Rule, Step
from dynogate.load.thresholds import Judgement

MAJOR = 1
SCHEMA_VERSION = f"{MAJOR}.0"
MAX_BYTES = 256 * 1024 * 1024
"""A longer file is no report."""

Verdict = Literal["held", "failed", "invalid"]


class Times(Model):
    """Exact percentiles of a time."""

    p50: float | None
    p95: float | None
    p99: float | None
    p999: float | None
    max: float | None
    mean: float | None

    @classmethod
    def of(cls, percentiles: Percentiles) -> "Times":
        """As the samples gave them; null where nothing was measured."""
        values = dataclasses.asdict(percentiles)
        return cls(**{name: figure(value) for name, value in values.items()})


class Figures(Model):
    """What a set of calls came to."""

    calls: int
    answered: int = Field(description="Calls that were sent and came to an end, good or bad.")
    outcomes: dict[str, int] = Field(description="Calls by how they ended.")
    success_rate: float | None = Field(description="Successes of the answered calls.")
    error_rate: float | None = Field(
        description="Failures of the answered calls; being pushed back (429, 503) is no failure."
    )
    offered_rate: float | None = Field(description="Calls a second that were asked for.")
    throughput: float | None = Field(description="Ends of calls a second, good or bad.")
    goodput: float | None = Field(description="Successes a second.")
    response_time: Times = Field(
        description="From the intended send, over successes and timeouts: what a caller waited."
    )
    service_time: Times = Field(description="From the actual send, over the same calls.")

    @classmethod
    def of(cls, samples: Samples) -> "Figures":
        """The figures of a run, or of one kind of its calls."""
        return cls(**_figures(samples))


class CertificateReport(Model):
    """Whether the generator did what it was asked to; if not, no figure here is the server's."""

    verdict: Literal["VALID", "INVALID"]
    reasons: tuple[str, ...]
    late_p99: float = Field(description="Lateness of the sends that 99 of 100 kept within.")
    lag_p99: float = Field(description="Lag of the generator's event loop, likewise.")
    cpu_share: float = Field(description="Of one core, in the busiest generator process.")
    dropped: int = Field(description="Calls that were never sent.")


class ThresholdReport(Model):
    """A limit that was asked for, and whether it was kept."""

    text: str
    passed: bool
    endpoint: str | None = None


class StepReport(Model):
    """One load that was kept for a while."""

    load: float = Field(description="Calls a second (open loop), or callers (closed).")
    offered: float | None
    goodput: float | None
    goodput_error: float | None = Field(description="Its standard error within the step.")
    success_rate: float
    p50: float | None
    p95: float | None
    p99: float | None
    concurrency: float | None = Field(description="Calls in flight on average.")
    calls: int
    held: bool
    broken_by: str | None = Field(description="What of the rule it broke.")

    @classmethod
    def of(cls, step: Step, rule: Rule) -> "StepReport":
        """A step, held against the rule."""
        reason = rule.broken_by(step)
        values = dataclasses.asdict(step)
        del values["open_loop"]
        rounded = {name: figure(value) for name, value in values.items()}
        rounded["calls"] = step.calls
        return cls.model_validate({**rounded, "held": reason is None, "broken_by": reason})


class EstimateReport(Model):
    """A figure with its 95 % interval."""

    value: float
    low: float
    high: float


class RuleReport(Model):
    """When a load counts as held."""

    text: str
    min_success_rate: float
    max_p99: float | None
    min_goodput_share: float

    @classmethod
    def of(cls, rule: Rule) -> "RuleReport":
        """The rule, in figures and in words."""
        return cls(text=rule.text, **dataclasses.asdict(rule))


class BreakingPointReport(Model):
    """Where the server stops keeping up."""

    verdict: Literal["found", "not reached", "at once"]
    text: str
    knee: EstimateReport | None = Field(description="Successes a second that it sustains.")
    edges: tuple[float, ...] = Field(description="The knee as each repeat found it.")
    rule: RuleReport
    broken_by: str | None

    @classmethod
    def of(cls, found: BreakingPoint) -> "BreakingPointReport":
        """The outcome of the search."""
        knee = None
        if found.knee is not None and found.low is not None and found.high is not None:
            knee = EstimateReport(value=found.knee, low=found.low, high=found.high)
        return cls(
            verdict=found.verdict,
            text=found.text,
            knee=knee,
            edges=tuple((edge.low + edge.high) / 2 for edge in found.edges),
            rule=RuleReport.of(found.rule),
            broken_by=found.broken_by,
        )


class ScalabilityReport(Model):
    """The universal scalability law; null where the data cannot say, and ``missing`` says why."""

    text: str
    single: EstimateReport | None = Field(description="Calls a second, one at a time.")
    alpha: EstimateReport | None = Field(description="Contention.")
    beta: EstimateReport | None = Field(description="Coherency.")
    peak_concurrency: EstimateReport | None
    peak_throughput: EstimateReport | None
    missing: str | None

    @classmethod
    def of(cls, law: Scalability) -> "ScalabilityReport":
        """The fitted law."""
        return cls.model_validate({"text": law.text, **dataclasses.asdict(law)})


class DriftReport(Model):
    """Whether a quantity grew while the load stayed the same; slopes are a second."""

    quantity: str
    unit: str
    verdict: Literal["growing", "settling", "none", "shrinking", "unknown"]
    text: str
    slope: float | None
    low: float | None = Field(description="Lower end of the slope's 99 % interval.")
    high: float | None
    smallest_detectable: float | None
    warm_up: float = Field(description="Seconds left out at the start.")
    times: tuple[float, ...] = Field(description="Middle of each stretch of the run.")
    means: tuple[float, ...] = Field(description="Mean of each stretch.")

    @classmethod
    def of(cls, drift: Drift) -> "DriftReport":
        """The verdict, and the means that it rests on."""
        values = dataclasses.asdict(drift)
        values |= {"quantity": drift.quantity.name, "unit": drift.quantity.unit}
        return cls.model_validate({**values, "text": drift.text})


class ServerTimeline(Model):
    """The server's resources, read beside the load: lists of equal length, null where unread."""

    time: tuple[float, ...]
    rss: tuple[float | None, ...] = Field(description="Resident memory in bytes.")
    cpu: tuple[float | None, ...] = Field(description="Share of one core.")
    descriptors: tuple[float | None, ...]
    loop_lag: tuple[float | None, ...] = Field(description="Of the server's event loop.")


class Run(Figures):
    """One measurement. The figures of a ramp-up are those of the highest load that was held."""

    name: str
    loop: Loop = Field(description="Who decided when a call was sent: schedule or last answer.")
    users: int = Field(description="Callers of a closed loop; 0 for an open one.")
    duration: float
    certificate: CertificateReport
    thresholds: tuple[ThresholdReport, ...] = ()
    endpoints: dict[str, Figures] = Field(default_factory=dict)
    windows: tuple[Window, ...] = ()
    steps: tuple[StepReport, ...] = ()
    breaking_point: BreakingPointReport | None = None
    scalability: ScalabilityReport | None = None
    recovery: float | None = Field(None, description="Until normal again after the overload.")
    drift: tuple[DriftReport, ...] = ()
    server: ServerTimeline | None = None
    interrupted: bool = False
    warnings: tuple[str, ...] = ()


class TargetReport(Model):
    """What was measured."""

    url: str
    transport: str
    calls: tuple[str, ...] = Field(description="The tools that were called.")
    server: str | None = Field(None, description="Name and version that the server gave.")


class Environment(Model):
    """What measured."""

    dynogate: str
    python: str
    machine: str
    engine: str
    processes: int = 1


class Report(Run):
    """The whole document. Of a command that makes several runs, the figures are the last one's."""

    schema_version: str = Field(SCHEMA_VERSION, pattern=rf"^{MAJOR}\.\d+$")
    started_at: datetime
    target: TargetReport
    environment: Environment
    options: dict[str, str | float | int | bool | None] = Field(default_factory=dict)
    verdict: Verdict
    exit_code: int
    earlier_runs: tuple[Run, ...] = ()

    @property
    def runs(self) -> tuple[Run, ...]:
        """Every run, in order."""
        return (*self.earlier_runs, self)


def run_of(
    name: str,
    samples: Samples,
    certificate: CertificateReport,
    *,
    thresholds: tuple[Judgement, ...] = (),
    **found: Any,
) -> Run:
    """A run's part of the document.

    Args:
        name: what kind of run it was: concurrent, ramp-up, sustained.
        samples: what was recorded.
        certificate: the generator's own judgement.
        thresholds: limits, already judged.
        found: more fields of ``Run``, as they are.
    """
    kinds = samples.names if len(samples.names) > 1 else ()
    return Run(
        name=name,
        loop=samples.loop,
        users=samples.users,
        duration=samples.duration,
        certificate=certificate,
        thresholds=tuple(ThresholdReport(**dataclasses.asdict(each)) for each in thresholds),
        endpoints={kind: Figures.of(samples.of_kind(kind)) for kind in kinds},
        windows=windows_of(samples),
        **_figures(samples),
        **found,
    )


def _figures(samples: Samples) -> Mapping[str, Any]:
    return {
        "calls": len(samples),
        "answered": samples.answered,
        "outcomes": {outcome.name: count for outcome, count in samples.counts.items()},
        "success_rate": figure(samples.success_rate),
        "error_rate": figure(samples.error_rate),
        "offered_rate": figure(samples.offered_rate),
        "throughput": figure(samples.throughput),
        "goodput": figure(samples.goodput),
        "response_time": Times.of(samples.response_percentiles()),
        "service_time": Times.of(samples.service_percentiles()),
    }


def load_report_schema() -> dict[str, Any]:
    """The JSON schema of the document."""
    schema = Report.model_json_schema(mode="serialization")
    return {"$schema": "https://json-schema.org/draft/2020-12/schema", **schema}


def write_report(report: Report, path: Path) -> None:
    """Write the document as JSON.

    Raises:
        OSError: the file cannot be written.
    """
    path.write_text(report.model_dump_json(indent=1) + "\n")


def read_report(path: Path) -> Report:
    """Read a document back.

    Raises:
        ConfigurationError: there is no such file, or it is no report of a version known here.
    """
    try:
        if path.stat().st_size > MAX_BYTES:
            raise ConfigurationError(f"{path} is over {MAX_BYTES} bytes: no load report")
        return parse_report(path.read_bytes(), str(path))
    except OSError as error:
        raise ConfigurationError(f"{path} cannot be read: {error.strerror}") from None


def parse_report(document: bytes, name: str) -> Report:
    """The document that ``name`` holds, in errors.

    Raises:
        ConfigurationError: it is no report of a version known here.
    """
    try:
        return Report.model_validate_json(document)
    except ValidationError as error:
        first = error.errors(include_url=False)[0]
        where = ".".join(map(str, first["loc"])) or "the whole file"
        raise ConfigurationError(
            f"{name} is no load report of version {SCHEMA_VERSION}: {where}: {first['msg']}"
        ) from None
