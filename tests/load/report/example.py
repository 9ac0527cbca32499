"""Reports as a real run makes them, of simulated servers: for the tests, and for the eye."""

import asyncio
from datetime import UTC, datetime
from functools import cache

import numpy as np

from benchmarks.breaking_point import SERVERS, Server
from benchmarks.leak_detection import server_memory
from dynogate.load.breaking_point import Search, find_breaking_point
from dynogate.load.drift import DESCRIPTORS, LATENCY, RSS, find_drift
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
    run_of,
)
from dynogate.load.report.windows import windows_of
from dynogate.load.samples import Outcome, Samples
from dynogate.load.scalability import fit_scalability
from dynogate.load.steps import Rule, Step
from dynogate.load.thresholds import Observed, Threshold, judge
from dynogate.load.units import KB

VALID = CertificateReport(
    verdict="VALID", reasons=(), late_p99=0.0004, lag_p99=0.0011, cpu_share=0.31, dropped=0
)
INVALID = CertificateReport(
    verdict="INVALID",
    reasons=("late sends: 1 % were over 38.0 ms late (limit 5.0 ms)",),
    late_p99=0.038,
    lag_p99=0.002,
    cpu_share=0.97,
    dropped=0,
)
LIMITS = (Threshold("error_rate", 0.01), Threshold("p99", 1.0), Threshold("rps", 95.0))


def soak(*, seconds: int = 600, rate: float = 100.0, seed: int = 3) -> Samples:
    """A server that freezes for a second in every fifty, and sheds a few calls when it wakes."""
    generator = np.random.default_rng(seed)
    intended = np.arange(int(seconds * rate)) / rate
    sent = intended + generator.exponential(0.0002, intended.size)
    wait = np.where(sent % 50 < 1.0, 1.0 - sent % 50, 0.0)
    service = generator.lognormal(np.log(0.012), 0.4, intended.size)
    outcome = np.zeros(intended.size, np.uint8)
    outcome[(wait > 0) & (generator.random(intended.size) < 0.1)] = Outcome.SHED
    kind = (generator.random(intended.size) < 0.25).astype(np.uint16)
    finished = sent + wait + service
    names = ("list_databases", "execute_query")
    return Samples(intended, sent, finished, outcome, float(seconds), "open", 0, kind, names)


def server(seconds: int = 600, leak: float = 10 * KB) -> ServerTimeline:
    """Its resources, with a leak of memory and two readings that failed."""
    generator = np.random.default_rng(7)
    time, memory = server_memory(generator, leak=leak, seconds=seconds)
    rss: list[float | None] = memory.tolist()
    rss[5:7] = [None, None]
    return ServerTimeline(
        time=tuple(time.tolist()),
        rss=tuple(rss),
        cpu=tuple(np.clip(generator.normal(0.42, 0.05, seconds), 0, 1).tolist()),
        descriptors=tuple((60 + generator.integers(0, 6, seconds)).astype(float).tolist()),
        loop_lag=tuple(generator.exponential(0.0008, seconds).tolist()),
    )


def drifts(samples: Samples, read: ServerTimeline) -> tuple[DriftReport, ...]:
    """The verdicts on memory, descriptors and latency."""
    windows = windows_of(samples)
    known = [float("nan") if value is None else value for value in read.rss]
    files = [float("nan") if value is None else value for value in read.descriptors]
    starts = [window.start for window in windows]
    p95 = [window.response_p95 or float("nan") for window in windows]
    return (
        DriftReport.of(find_drift(read.time, known, RSS)),
        DriftReport.of(find_drift(read.time, files, DESCRIPTORS)),
        DriftReport.of(find_drift(starts, p95, LATENCY)),
    )


@cache
def sustained(certificate: CertificateReport = VALID) -> Run:
    """Ten minutes of soak."""
    samples, read = soak(), server()
    kinds = {name: Observed.of(samples.of_kind(name)) for name in samples.names}
    limits = (*LIMITS, Threshold("p99", 0.9, "execute_query"))
    return run_of(
        "sustained",
        samples,
        certificate,
        thresholds=judge(limits, Observed.of(samples), kinds),
        drift=drifts(samples, read),
        server=read,
    )


@cache
def ramp_up(measured: Server = SERVERS[3], seed: int = 1) -> Run:
    """A search for the breaking point of a server that is known to have it at 400/s."""
    generator = np.random.default_rng(seed)
    kept: dict[float, Samples] = {}

    async def measure(load: float) -> Step:
        kept[load] = measured.serve(load, generator)
        return Step.of(kept[load], load)

    rule = Rule()
    found = asyncio.run(find_breaking_point(measure, rule, Search()))
    law = fit_scalability(
        [step.concurrency for step in found.steps], [step.goodput for step in found.steps]
    )
    held = max(step.load for step in found.steps if rule.holds(step))
    return run_of(
        "ramp-up",
        kept[held],
        VALID,
        steps=tuple(StepReport.of(step, rule) for step in found.steps),
        breaking_point=BreakingPointReport.of(found),
        scalability=ScalabilityReport.of(law),
        recovery=2.5,
    )


def report(run: Run, *earlier: Run) -> Report:
    """The whole document around runs."""
    failed = any(not limit.passed for limit in run.thresholds)
    invalid = run.certificate.verdict == "INVALID"
    return Report(
        **{name: getattr(run, name) for name in Run.model_fields},
        started_at=datetime(2026, 11, 1, 12, 30, tzinfo=UTC),
        target=TargetReport(
            url="http://127.0.0.1:8000/mcp/tools/call",
            transport="rpc",
            calls=("list_databases", "execute_query"),
            server="dynogate 0.1.0",
        ),
        environment=Environment(
            dynogate="0.1.0", python="3.11", machine="2 cores, x86_64", engine="aiohttp"
        ),
        options={"rate": 100.0, "duration": 600.0, "max_error_rate": 0.01},
        verdict="invalid" if invalid else "failed" if failed else "held",
        exit_code=3 if invalid else 1 if failed else 0,
        earlier_runs=earlier,
    )
