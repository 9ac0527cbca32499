"""Runs and ramp-ups as parts of the report document."""

import platform
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime

import numpy as np
from numpy.typing import NDArray

from dynogate import __version__
from dynogate.load.certificate import Certificate
from dynogate.load.drift import Drift
from dynogate.load.experiments import RampUp
from dynogate.load.harness import Harness
from dynogate.load.harness import Run as Measured
from dynogate.load.observe import Timeline
from dynogate.load.report.document import (
    BreakingPointReport,
    CertificateReport,
    DriftReport,
    Environment,
    Report,
    Run,
    ScalabilityReport,
    ServerTimeline,
    StepReport,
    TargetReport,
    Verdict,
    run_of,
)
from dynogate.load.report.model import figure
from dynogate.load.samples import Outcome, Samples
from dynogate.load.thresholds import Judgement, Observed, Threshold, judge

HELD, FAILED, USAGE, INVALID = 0, 1, 2, 3
_STATUS: Mapping[Verdict, int] = {"held": HELD, "failed": FAILED, "invalid": INVALID}
_FEWEST_FOR_P999 = 1000
_COMPLAINTS = 5


@dataclass(frozen=True, slots=True, eq=False)
class Result:
    """A part of the document, and what of it decides."""

    run: Run
    measured: Measured

    @property
    def verdict(self) -> Verdict:
        """Invalid before failed: an invalid run's figures say nothing."""
        if self.run.certificate.verdict == "INVALID":
            return "invalid"
        return "held" if all(each.passed for each in self.run.thresholds) else "failed"


def result_of_load(
    name: str,
    measured: Measured,
    thresholds: Sequence[Threshold],
    *,
    drifts: Sequence[Drift] = (),
    fail_on_drift: bool = False,
    interrupted: bool = False,
) -> Result:
    """A load that was kept up."""
    judged = [*_judged(measured.samples, thresholds)]
    if fail_on_drift:
        judged += [Judgement(each.text, passed=each.verdict != "growing") for each in drifts]
    run = run_of(
        name,
        measured.samples,
        _certificate(measured.certificate),
        thresholds=tuple(judged),
        drift=tuple(DriftReport.of(each) for each in drifts),
        server=_timeline(measured.timeline),
        interrupted=interrupted,
        warnings=_warnings(measured),
    )
    return Result(run, measured)


def result_of_ramp(ramp: RampUp, thresholds: Sequence[Threshold]) -> Result:
    """A ramp-up: its figures are those of the highest load that was held, else of the lightest."""
    lightest = min(zip(ramp.steps, ramp.runs, strict=True), key=lambda each: each[0].load)[1]
    measured = ramp.best or lightest
    judged = [*_judged(measured.samples, thresholds)]
    if ramp.best is None:
        judged.insert(0, Judgement("not even the lightest load was held", passed=False))
    found = ramp.breaking_point
    run = run_of(
        "ramp-up",
        measured.samples,
        _certificate(ramp.certificate),
        thresholds=tuple(judged),
        steps=tuple(StepReport.of(step, ramp.rule) for step in ramp.steps),
        breaking_point=None if found is None else BreakingPointReport.of(found),
        scalability=ScalabilityReport.of(ramp.scalability),
        recovery=ramp.recovery,
        server=_timeline(measured.timeline),
        interrupted=ramp.interrupted,
        warnings=_warnings(measured),
    )
    return Result(run, measured)


def report_of(
    results: Sequence[Result],
    harness: Harness,
    options: Mapping[str, str | float | int | bool | None],
    started: datetime,
) -> Report:
    """The whole document; its figures are those of the last run.

    Args:
        results: of each run, in order.
        harness: that made them.
        options: as they were given, without secrets.
        started: when.
    """
    verdicts = [result.verdict for result in results]
    verdict: Verdict = next((v for v in ("invalid", "failed") if v in verdicts), "held")
    last = results[-1]
    return Report(
        **{name: getattr(last.run, name) for name in Run.model_fields},
        started_at=started,
        target=TargetReport(
            url=harness.meeting.target.shown,
            transport=harness.meeting.target.transport,
            calls=tuple(call.tool for call in harness.calls),
        ),
        environment=Environment(
            dynogate=__version__,
            python=platform.python_version(),
            machine=f"{platform.system()} {platform.machine()}",
            engine=last.measured.engine,
            processes=last.measured.processes,
        ),
        options=dict(options),
        verdict=verdict,
        exit_code=_STATUS[verdict],
        earlier_runs=tuple(result.run for result in results[:-1]),
    )


def _judged(samples: Samples, thresholds: Sequence[Threshold]) -> tuple[Judgement, ...]:
    kinds = {name: Observed.of(samples.of_kind(name)) for name in samples.names}
    judged = judge(thresholds, Observed.of(samples), kinds)
    if samples.answered and not samples.count(Outcome.OK):
        return (Judgement("no call succeeded", passed=False), *judged)
    return judged


def _certificate(certificate: Certificate) -> CertificateReport:
    return CertificateReport(
        verdict="VALID" if certificate.valid else "INVALID",
        reasons=certificate.reasons,
        late_p99=certificate.late_p99,
        lag_p99=certificate.lag_p99,
        cpu_share=certificate.cpu_share,
        dropped=certificate.dropped,
    )


def _timeline(seen: Timeline) -> ServerTimeline | None:
    if not seen.source:
        return None

    def column(values: NDArray[np.float64]) -> tuple[float | None, ...]:
        return tuple(figure(value) for value in values.tolist())

    return ServerTimeline(
        time=tuple(seen.at.tolist()),
        rss=column(seen.rss),
        cpu=column(seen.cpu),
        descriptors=column(seen.descriptors),
        loop_lag=column(seen.lag),
    )


def _warnings(measured: Measured) -> tuple[str, ...]:
    common = sorted(measured.complaints.items(), key=lambda each: -each[1])
    warnings = [f"{count} x {why}" for why, count in common[:_COMPLAINTS]]
    if len(common) > _COMPLAINTS:
        warnings.append(f"and {len(common) - _COMPLAINTS} other kinds of bad replies")
    samples = measured.samples
    if samples.loop == "closed":
        warnings.append(
            "a closed loop: users wait for answers, so that stalls of the server show in fewer "
            "calls than callers who come anyway would meet (give a rate for an open loop)"
        )
    if 0 < samples.count(Outcome.OK) < _FEWEST_FOR_P999:
        warnings.append(f"p999 is little more than the maximum with {len(samples)} calls")
    return tuple(warnings)
