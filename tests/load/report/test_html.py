"""The HTML report: one file that needs nothing else, and draws its plots in a real browser."""

import re
from pathlib import Path

import pytest

from dynogate.load.report.document import Report
from dynogate.load.report.html import report_html
from tests.browser import browse, measured
from tests.load.report.example import INVALID, ramp_up, report, sustained

PICTURES = Path(__file__).resolve().parents[3] / "build" / "load-report"


@pytest.fixture(scope="module")
def full() -> Report:
    return report(sustained(), ramp_up())


def test_a_browser_draws_every_plot(full: Report, tmp_path: Path) -> None:
    """Lines have length, texts lie inside, series differ in more than their colour."""
    told = measured(report_html(full), tmp_path)
    charts = told["charts"]
    assert isinstance(charts, list)
    assert [chart["title"] for chart in charts] == [
        "Throughput against offered load",
        "Latency over load",
        "Percentiles over time",
        "Calls over time",
        "Server: memory (RSS)",
        "Server: file descriptors",
        "Server: CPU",
        "Server: event-loop lag",
    ]
    for chart in charts:
        assert chart["width"] > 400
        assert chart["height"] > 200
        assert chart["outside"] == []
        assert chart["overlapping"] == []
        assert min(chart["lines"]) > 100
    assert any("breaking point" in text for text in charts[0]["texts"])
    assert charts[2]["colours"] == 3


@pytest.mark.parametrize("limit", [0.02, 0.1, 1.0, 4.0, 8.0])
def test_names_of_limits_do_not_cover_each_other(limit: float, tmp_path: Path) -> None:
    """Wherever the limit of the p99 lies."""
    run = ramp_up()
    assert run.breaking_point is not None
    rule = run.breaking_point.rule.model_copy(update={"max_p99": limit})
    found = run.breaking_point.model_copy(update={"rule": rule})
    page = report_html(report(run.model_copy(update={"breaking_point": found})))
    charts = measured(page, tmp_path)["charts"]
    assert isinstance(charts, list)
    assert [chart["overlapping"] for chart in charts] == [[], []]
    assert [chart["outside"] for chart in charts] == [[], []]


def test_the_page_fits_a_narrow_window(full: Report, tmp_path: Path) -> None:
    """A telephone scrolls down, not sideways."""
    told = measured(report_html(full), tmp_path, width=500)
    assert told["wider"] == 500


@pytest.mark.parametrize("theme", ["light", "dark"])
def test_a_picture_is_kept(full: Report, tmp_path: Path, theme: str) -> None:
    """For the eye: build/load-report/light.png and dark.png."""
    page = tmp_path / "report.html"
    page.write_text(report_html(full))
    PICTURES.mkdir(parents=True, exist_ok=True)
    picture = PICTURES / f"{theme}.png"
    picture.unlink(missing_ok=True)
    scheme = "0" if theme == "dark" else "1"
    browse(
        page,
        f"--blink-settings=preferredColorScheme={scheme}",
        "--window-size=1240,2700",
        f"--screenshot={picture}",
    )
    data = picture.read_bytes()
    assert data.startswith(b"\x89PNG")
    assert int.from_bytes(data[16:20], "big") == 1240
    assert len(data) > 100_000  # an empty page is a few kilobytes


def test_the_page_needs_nothing_else(full: Report) -> None:
    """No script, and nothing that a browser would fetch."""
    html = report_html(full)
    assert "<script" not in html
    assert not re.search(r"(src|href|srcset|poster|action)\s*=|url\(|@import", html)


def test_the_verdict_and_its_reasons_come_first(full: Report) -> None:
    """Before any figure."""
    html = report_html(full)
    assert html.index("✓ HELD") < html.index("ramp-up:")
    assert "But memory (RSS): leak: " in html
    invalid = report_html(report(sustained(INVALID)))
    assert "! INVALID" in invalid
    assert "no figure here counts: late sends: 1 % were over 38.0 ms late" in invalid


def test_what_a_server_says_is_no_markup(full: Report) -> None:
    """A tool's name from a hostile server stays text."""
    hostile = "<script>alert(1)</script>"
    target = full.target.model_copy(update={"calls": (hostile,), "server": hostile})
    endpoints = {hostile: full.endpoints["list_databases"]}
    html = report_html(full.model_copy(update={"target": target, "endpoints": endpoints}))
    assert "<script" not in html
    assert "&lt;script&gt;" in html
