"""The report as Markdown."""

from collections.abc import Iterator

from chaos.report.document import ExperimentReport, Report
from chaos.report.matrix import matrix_of
from dynogate.load import units

MARKS = {"green": "✓", "red": "✗", "not run": "!"}


def summary(report: Report) -> str:
    """One sentence: what holds, and what does not."""
    states = [each.state for each in report.experiments]
    green = states.count("green")
    if green == len(states):
        each = "The experiment is" if green == 1 else f"All {green} experiments are"
        return f"{each} green: every fault bit, was proved, and was survived."
    wrong = [each.name for each in report.experiments if each.state != "green"]
    return f"{green} of {len(states)} experiments are green; not so: {', '.join(wrong)}."


def report_markdown(report: Report) -> str:
    """The whole report."""
    return "\n".join(_lines(report)) + "\n"


def _lines(report: Report) -> Iterator[str]:
    yield "# Chaos report"
    yield ""
    yield summary(report)
    yield ""
    yield (
        f"{report.started_at:%Y-%m-%d %H:%M:%S %Z}, {report.seconds:.0f} s, dynogate "
        f"{report.dynogate}, {report.machine}, Python {report.python}"
    )
    yield ""
    matrix = matrix_of(report.experiments)
    yield f"| service | {' | '.join(matrix.faults)} |"
    yield "|---" * (len(matrix.faults) + 1) + "|"
    for row in matrix.rows:
        cells = (
            "<br>".join(f"{MARKS[e.state]} {_cell(e.how)}" for e in cell) for cell in row.cells
        )
        yield f"| {_cell(row.service)} | {' | '.join(cells)} |"
    for experiment in report.experiments:
        yield from _experiment(experiment)


def _experiment(experiment: ExperimentReport) -> Iterator[str]:
    yield ""
    yield f"## {MARKS[experiment.state]} {experiment.name}: {experiment.state}"
    yield ""
    yield f"{experiment.title}."
    yield ""
    yield from (f"- **{reason}**" for reason in experiment.reasons)
    yield from (f"- the fault bit: {proof.text}" for proof in experiment.proofs if proof.bit)
    if experiment.recovery is not None:
        took = experiment.recovery
        when = f"{units.seconds(took)} after the fault" if took else "at once"
        yield f"- served as before {when}"
    if experiment.bars:
        yield ""
        yield "| kept | what | figure |"
        yield "|---|---|---|"
        for bar in experiment.bars:
            yield f"| {'✓' if bar.passed else '✗'} | {_cell(bar.says)} | {_cell(bar.text)} |"


def _cell(text: str) -> str:
    return text.replace("|", "\\|").replace("\n", " ")
