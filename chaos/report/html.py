"""The report as one HTML page that needs nothing else: no script, no network, light and dark."""

from functools import cache

import jinja2

from chaos.report.document import Report
from chaos.report.matrix import matrix_of
from chaos.report.plots import timelines
from chaos.report.text import MARKS, summary
from dynogate.load import units


def report_html(report: Report) -> str:
    """The whole page."""
    return _template().render(
        report=report, matrix=matrix_of(report.experiments), summary=summary(report)
    )


@cache
def _template() -> jinja2.Template:
    environment = jinja2.Environment(
        loader=jinja2.ChoiceLoader(
            # The style is the load report's.
            [jinja2.PackageLoader("chaos.report"), jinja2.PackageLoader("dynogate.load.report")]
        ),
        autoescape=True,
        undefined=jinja2.StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
    )
    environment.globals.update(
        seconds=units.seconds, number=units.number, timelines=timelines, marks=MARKS
    )
    return environment.get_template("chaos.html.j2")
