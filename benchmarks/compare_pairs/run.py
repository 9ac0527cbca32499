"""Compare identical programs, and programs with a planted slowdown of 15 %.

``python -m benchmarks.compare_pairs``: every program is profiled over HTTP, then
``compare_profiles`` re-runs both sides. Exit status 1 where more than 1 of the identical pairs is
called a regression or an improvement, or fewer than 18 of the slower ones are called a regression
of the right function.
"""

import sys
from dataclasses import dataclass
from pathlib import Path
from tempfile import TemporaryDirectory

from benchmarks._gateway import client
from benchmarks._report import Bar, Report
from benchmarks.compare_pairs.programs import Pair, build
from dynogate.client import GatewayClient

FALSE_VERDICTS, FOUND_SHARE = 1, 0.9


@dataclass(frozen=True, slots=True)
class Outcome:
    """What was said of a pair."""

    pair: Pair
    verdict: str
    ratio: float
    culprit: str | None

    @property
    def right(self) -> bool:
        """Found and rightly attributed; of identical pairs, no change claimed."""
        if self.pair.slowed is None:
            return self.verdict not in ("regression", "improvement")
        inside = self.culprit is not None and self.culprit.startswith(
            f"{self.pair.slowed}.<locals>"
        )
        return self.verdict == "regression" and (inside or self.culprit == self.pair.slowed)

    def row(self) -> tuple[str, ...]:
        """Pair, truth, verdict, ratio, culprit, whether it is right."""
        truth = f"{self.pair.slowed} x{self.pair.true_ratio:.3f}" if self.pair.slowed else "same"
        verdict = "right" if self.right else "WRONG"
        return (
            self.pair.name,
            truth,
            self.verdict,
            f"{self.ratio:.3f}",
            self.culprit or "",
            verdict,
        )


def compare(client: GatewayClient, pair: Pair, folder: Path, runs_per_side: int) -> Outcome:
    """Profile both sides and compare them."""
    ids = []
    for side, text in (("before", pair.before), ("after", pair.after)):
        script = folder / pair.name / side / "work.py"
        script.parent.mkdir(parents=True)
        script.write_text(text)
        run = client.call("profile_script", {"script_path": str(script), "cpu_only": True})
        ids.append(run.structured_content["profile_id"])
    said = client.call(
        "compare_profiles",
        {"before_id": ids[0], "after_id": ids[1], "runs_per_side": runs_per_side},
    ).structured_content
    culprit = said["culprit"]
    measure = said[said["decided_by"]] or said["wall"]
    return Outcome(pair, said["verdict"], measure["ratio"], culprit and culprit["function"])


def main(
    *, pairs: int = 20, runs_per_side: int = 10, url: str | None = None, json: bool = False
) -> int:
    """Run the comparison benchmark.

    Parameters
    ----------
    pairs: How many identical and how many slower pairs.
    runs_per_side: Repetitions without the profiler, for each side of each pair.
    url: A running gateway; default: one of its own.
    json: Print JSON.
    """
    same, slower = build(pairs)
    outcomes = []
    with TemporaryDirectory(prefix="dynogate-pairs-") as name:
        folder = Path(name).resolve()
        with client(url, [folder]) as gateway:
            for pair in [*same, *slower]:
                outcomes.append(compare(gateway, pair, folder, runs_per_side))
                sys.stderr.write("  ".join(outcomes[-1].row()) + "\n")
    false = sum(not outcome.right for outcome in outcomes[:pairs])
    found = sum(outcome.right for outcome in outcomes[pairs:])
    report = Report(
        title=f"compare_profiles on {pairs} identical and {pairs} slower pairs",
        columns=("pair", "truth", "verdict", "ratio", "culprit", ""),
        rows=[outcome.row() for outcome in outcomes],
        bars=[
            Bar.at_most(f"false verdicts, of {pairs} identical pairs", false, FALSE_VERDICTS),
            Bar.at_least(f"found and rightly attributed, of {pairs}", found, FOUND_SHARE * pairs),
        ],
    )
    return report.finish(as_json=json)
