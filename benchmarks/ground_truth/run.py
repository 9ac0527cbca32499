"""Profile every program with a planted truth and score what Dynogate says of it.

``python -m benchmarks.ground_truth``: through a gateway of its own, or the one at ``--url`` (which
must allow the temporary folder as a root). Exit status 1 where a bar is missed: hottest line and
largest allocation right in at least 95 % of the programs, at least 90 % of the leaks found, none
reported that is none, each rate within 25 % of what the program measured of itself.
"""

import sys
from pathlib import Path
from tempfile import TemporaryDirectory

from benchmarks._gateway import client
from benchmarks._report import Report
from benchmarks.ground_truth.corpus import Program, load
from benchmarks.ground_truth.judges import GatewayJudge, Judge, LibraryJudge
from benchmarks.ground_truth.page import page
from benchmarks.ground_truth.score import Score, bars, score


def judge_all(programs: list[Program], judge: Judge, folder: Path) -> list[Score]:
    """Lay out each program under ``folder`` and have it judged; progress goes to stderr."""
    scores = []
    for program in programs:
        script = program.lay_out(folder / program.name)
        scores.append(score(program, judge.observe(script)))
        sys.stderr.write("  ".join(scores[-1].row()) + "\n")
    return scores


def main(
    *,
    match: str = "",
    url: str | None = None,
    library: bool = False,
    markdown: Path | None = None,
    json: bool = False,
) -> int:
    """Run the ground truth.

    Parameters
    ----------
    match: Only programs whose name contains this.
    url: A running gateway; default: one of its own.
    library: Ask the Python library in this process, without a gateway.
    markdown: Write the page of the docs to this file, too.
    json: Print JSON.
    """
    programs = load(match)
    with TemporaryDirectory(prefix="dynogate-truth-") as name:
        folder = Path(name).resolve()
        if library:
            scores = judge_all(programs, LibraryJudge(), folder)
        else:
            with client(url, [folder]) as gateway:
                scores = judge_all(programs, GatewayJudge(gateway), folder)
    report = Report(
        title=f"Ground truth: {len(programs)} programs",
        columns=("program", "planted", "said", ""),
        rows=[one.row() for one in scores],
        bars=bars(scores),
    )
    if markdown is not None:
        markdown.write_text(page(report), encoding="utf-8")
    return report.finish(as_json=json)
