"""The report as one HTML page that needs nothing else: no script, no network, light and dark."""

from functools import cache

import jinja2

from dynogate.load import units
from dynogate.load.report.document import Report
from dynogate.load.report.plots import plots
from dynogate.load.report.text import summary


def report_html(report: Report) -> str:
    """The whole page."""
    return _template().render(report=report, summary=summary(report))


@cache
def _template() -> jinja2.Template:
    environment = jinja2.Environment(
        loader=jinja2.PackageLoader("dynogate.load.report"),
        autoescape=True,
        undefined=jinja2.StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
    )
    environment.filters["capitalize_first"] = lambda text: text[:1].upper() + text[1:]
    environment.globals.update(
        number=units.number, percent=units.percent, seconds=units.seconds, plots=plots
    )
    return environment.get_template("report.html.j2")
