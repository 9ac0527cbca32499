"""Verdicts of ``compare`` on pairs of load reports: identical servers, and planted slow-downs.

``python -m benchmarks.load_comparison``: each report is of a minute at 100 calls a second, of a
made-up server whose seconds are alike (a slow one is followed by slow ones), that pauses now and
then, and is a little faster or slower from one run to the next. Of 20 pairs both sides are the
same; of 20, the newer one is slower by a third; of 20, faster by a quarter; of 20, one call in
twenty-five takes ten times as long. Exit status 1 where an identical pair is not called noise, or
fewer than 19 of 20 changes are found.
"""

from collections.abc import Sequence
from datetime import UTC, datetime

import numpy as np

from benchmarks._cli import run
from benchmarks._report import Bar, Report
from dynogate.load import comparison
from dynogate.load.report import document
from dynogate.load.samples import Samples

RATE, SECONDS = 100, 60
CERTIFICATE = document.CertificateReport(
    verdict="VALID", reasons=(), late_p99=0.0002, lag_p99=0.001, cpu_share=0.2, dropped=0
)


def run_once(
    generator: np.random.Generator, *, slower: float = 1.0, slow_tail: float = 0.0
) -> Samples:
    """One run of the server.

    Args:
        generator: where its chances come from.
        slower: factor on every service time.
        slow_tail: share of the calls that take ten times as long.
    """
    intended = np.arange(RATE * SECONDS) / RATE
    likeness = np.zeros(SECONDS)
    for second in range(1, SECONDS):
        likeness[second] = 0.8 * likeness[second - 1] + generator.normal(0, 0.04)
    service = generator.lognormal(np.log(0.012), 0.4, intended.size)
    service *= np.exp(likeness)[intended.astype(int)] * slower * generator.normal(1, 0.02)
    service = np.where(generator.random(intended.size) < slow_tail, 10 * service, service)
    for pause in generator.uniform(0, SECONDS, generator.poisson(4)):
        held = (intended >= pause) & (intended < pause + generator.uniform(0.02, 0.1))
        service += np.where(held, 0.05, 0)
    outcome = np.zeros(intended.size, np.uint8)
    return Samples(intended, intended, intended + service, outcome, float(SECONDS))


def report(samples: Samples) -> document.Report:
    """The document of one run."""
    measured = document.run_of("concurrent", samples, CERTIFICATE)
    return document.Report(
        **{name: getattr(measured, name) for name in document.Run.model_fields},
        started_at=datetime(2026, 1, 1, tzinfo=UTC),
        target=document.TargetReport(url="http://127.0.0.1", transport="rpc", calls=("call",)),
        environment=document.Environment(
            dynogate="0", python="3.11", machine="simulated", engine="simulated"
        ),
        verdict="held",
        exit_code=0,
    )


def verdicts(
    seeds: Sequence[int], *, slower: float = 1.0, slow_tail: float = 0.0
) -> list[comparison.Comparison]:
    """The verdict on one pair for each seed; what is planted is in the newer report."""
    told = []
    for seed in seeds:
        generator = np.random.default_rng(seed)
        before = report(run_once(generator))
        after = report(run_once(generator, slower=slower, slow_tail=slow_tail))
        told.append(comparison.compare_reports(before, after, seed=seed))
    return told


def main(*, pairs: int = 20, seed: int = 0, json: bool = False) -> int:
    """Run the benchmark.

    Parameters
    ----------
    pairs: How many of each kind.
    seed: Where the runs' chances start.
    json: Print JSON.
    """
    seeds = range(seed, seed + pairs)
    planted = {
        "nothing": verdicts(seeds),
        "a third slower": verdicts(seeds, slower=1.33),
        "a quarter faster": verdicts(seeds, slower=0.75),
        "4 % ten times as slow": verdicts(seeds, slow_tail=0.04),
    }
    expected = ("noise", "regression", "improvement", "regression")
    counts = {
        what: [sum(each.verdict == verdict for each in told) for verdict in ORDER]
        for what, told in planted.items()
    }
    right = {
        what: counts[what][ORDER.index(wanted)]
        for what, wanted in zip(planted, expected, strict=True)
    }
    rows = [(what, *map(str, counts[what])) for what in planted]
    least = [float(pairs)] + [0.95 * pairs] * (len(planted) - 1)
    return Report(
        title=f"Verdicts on {pairs} pairs of load reports each (simulated time)",
        columns=("planted in the newer report", *ORDER),
        rows=rows,
        bars=[
            Bar.at_least(f"{what}: called {wanted}, of {pairs}", right[what], limit)
            for what, wanted, limit in zip(planted, expected, least, strict=True)
        ],
    ).finish(as_json=json)


ORDER = ("noise", "regression", "improvement")


if __name__ == "__main__":
    run(main)
