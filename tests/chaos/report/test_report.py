"""The report in its three forms."""

import json
import re
from pathlib import Path

import jsonschema
import pytest

from chaos.report.document import Report, chaos_report_schema, read_report, report_of, write_report
from chaos.report.html import report_html
from chaos.report.matrix import matrix_of
from chaos.report.text import report_markdown
from dynogate.errors import ConfigurationError
from tests.browser import browse, measured
from tests.chaos.report.example import outcomes, report

PICTURES = Path(__file__).resolve().parents[3] / "build" / "chaos-report"


def test_the_document_survives_its_file(tmp_path: Path) -> None:
    """Written, held against the schema, read back."""
    path = tmp_path / "report.json"
    write_report(report(), path)
    jsonschema.validate(json.loads(path.read_text()), chaos_report_schema())
    assert read_report(path) == report()


@pytest.mark.parametrize("text", ["{}", '{"schema_version": "1.0"}', "no json"])
def test_what_is_no_report_is_refused(tmp_path: Path, text: str) -> None:
    """By its name."""
    path = tmp_path / "other.json"
    path.write_text(text)
    with pytest.raises(ConfigurationError, match=r"other\.json"):
        read_report(path)


def test_a_report_of_another_major_version_is_refused(tmp_path: Path) -> None:
    """Its fields may mean something else."""
    path = tmp_path / "report.json"
    write_report(report().model_copy(update={"schema_version": "2.0"}), path)
    with pytest.raises(ConfigurationError, match=r"version 2\.0"):
        read_report(path)


@pytest.mark.parametrize(
    ("chosen", "code"), [([0], 0), ([0, 1], 1), ([1, 2], 3), ([0, 2], 3)], ids=str
)
def test_exit_codes(chosen: list[int], code: int) -> None:
    """0 green, 1 red, 3 where one was not run to its end."""
    there = outcomes()
    made = report_of([there[each] for each in chosen])
    assert (made.exit_code, made.green) == (code, code == 0)


def test_the_matrix_has_each_experiment_once() -> None:
    """In the row of its service and the column of its fault; faults that came up only."""
    matrix = matrix_of(report().experiments)
    assert matrix.faults == ("slow", "cut", "down")
    cells = {row.service: [[e.name for e in cell] for cell in row.cells] for row in matrix.rows}
    assert cells == {
        "client link": [["client-latency"], ["stopped"], []],
        "redis": [[], [], ["redis-down"]],
    }


def test_markdown_says_what_the_document_says() -> None:
    """The matrix, the reasons, the proofs, the bars."""
    text = report_markdown(report())
    assert "1 of 3 experiments are green; not so: redis-down, stopped." in text
    assert "| client link | ✓ latency +200 ms | ! reset |  |" in text
    assert "- **not kept: nothing fails: 200 (at most 0)**" in text
    assert "- the fault bit: it bit" in text
    assert "| ✓ | the p99 holds | 200 ms (at most 310 ms: the base plus 300 ms) |" in text


def test_a_browser_draws_the_timelines_with_the_fault_shaded(tmp_path: Path) -> None:
    """Lines have length, texts lie inside, the window is at its place and named."""
    told = measured(report_html(report()), tmp_path)
    charts = told["charts"]
    assert isinstance(charts, list)
    # Two for each experiment that made a load: the one that was stopped made none.
    assert [chart["title"] for chart in charts] == ["calls: response time", "calls: calls"] * 2
    for chart in charts:
        assert chart["outside"] == []
        assert chart["overlapping"] == []
        assert "the fault is in" in chart["texts"]
        assert max(chart["lines"]) > 100


def test_the_page_fits_a_narrow_window(tmp_path: Path) -> None:
    """A telephone scrolls down, not sideways."""
    assert measured(report_html(report()), tmp_path, width=500)["wider"] == 500


@pytest.mark.parametrize("theme", ["light", "dark"])
def test_a_picture_is_kept(tmp_path: Path, theme: str) -> None:
    """For the eye: build/chaos-report/light.png and dark.png."""
    page = tmp_path / "report.html"
    page.write_text(report_html(report()))
    PICTURES.mkdir(parents=True, exist_ok=True)
    picture = PICTURES / f"{theme}.png"
    picture.unlink(missing_ok=True)
    scheme = "0" if theme == "dark" else "1"
    browse(
        page,
        f"--blink-settings=preferredColorScheme={scheme}",
        "--window-size=1240,1700",
        f"--screenshot={picture}",
    )
    data = picture.read_bytes()
    assert data.startswith(b"\x89PNG")
    assert len(data) > 50_000  # an empty page is a few kilobytes


def test_the_page_needs_nothing_else() -> None:
    """No script, and nothing that a browser would fetch; links lead within the page only."""
    html = report_html(report())
    assert "<script" not in html
    assert not re.search(r"(src|srcset|poster|action)\s*=|url\(|@import", html)
    assert set(re.findall(r'href="(.)', html)) == {"#"}


def test_what_an_experiment_says_is_no_markup() -> None:
    """Text stays text."""
    html = report_html(report())
    assert "killed &amp; &lt;gone&gt;" in html
    assert "{event: &lt;gone&gt;}" in html


def test_a_report_of_nothing_is_none() -> None:
    """An empty run is not a green one."""
    with pytest.raises(ValueError, match="no experiment"):
        report_of([])
    assert not report().model_copy(update={"experiments": ()}).green
    assert isinstance(report(), Report)
