"""Finding, reading and comparing stored load reports."""

from pathlib import Path

import pytest

from dynogate.errors import InvalidParams, ReportNotFound, UnreadableReport
from dynogate.load.storage import LoadReportStorage
from dynogate.tools.context import ToolContext
from tests.load.plans import result
from tests.tools.load.conftest import REGISTRY, answer, call

EXAMPLE = (Path(__file__).resolve().parents[3] / "examples" / "load-report.json").read_bytes()


@pytest.fixture
def report_id(storage: LoadReportStorage) -> str:
    """The id of the example report."""
    return storage.store(result(EXAMPLE, text="HELD  All is well.", breaking_point=118.0))


async def test_reports_are_listed_in_pages(
    context: ToolContext, storage: LoadReportStorage
) -> None:
    """A line for each, and where to go on."""
    assert "run_load_test" in (await answer(context, "list_load_reports"))["content"][0]["text"]
    ids = [storage.store(result(created_us=number, breaking_point=40.0)) for number in range(3)]
    page = await answer(context, "list_load_reports", limit=2)
    found = page["structuredContent"]
    assert [row["report_id"] for row in found["reports"]] == ids[:0:-1]
    text = page["content"][0]["text"]
    assert "HELD" in text
    assert "breaks at 40.0/s" in text
    assert f"more with cursor={found['next_cursor']}" in text
    rest = await call(context, "list_load_reports", limit=2, cursor=found["next_cursor"])
    assert [row["report_id"] for row in rest["reports"]] == ids[:1]
    assert (await call(context, "list_load_reports", verdict="failed"))["reports"] == []
    with pytest.raises(InvalidParams, match="cursor"):
        await call(context, "list_load_reports", cursor="x")


async def test_a_report_is_read_in_every_format(context: ToolContext, report_id: str) -> None:
    """The text is always there."""
    summary = await answer(context, "get_load_report", report_id=report_id)
    assert summary["content"][0]["text"] == "HELD  All is well."
    assert summary["structuredContent"]["report"] is None
    full = await call(context, "get_load_report", report_id=report_id, format="full")
    assert full["report"]["schema_version"] == "1.0"
    assert len(full["report"]["windows"]) > 10
    page = await call(context, "get_load_report", report_id=report_id, format="html")
    assert "<svg" in page["html"]


async def test_a_report_is_compared_with_itself(context: ToolContext, report_id: str) -> None:
    """Noise, with each figure's interval."""
    found = await call(context, "compare_load_reports", before_id=report_id, after_id=report_id)
    assert found["verdict"] == "noise"
    assert {change["figure"] for change in found["changes"]} >= {"p99 of the response time"}
    assert found["explanation"].startswith("noise\n")


@pytest.mark.parametrize(
    ("name", "arguments"),
    [
        ("get_load_report", {"report_id": "load_none"}),
        ("get_load_report", {"report_id": "load_none", "format": "full"}),
        ("compare_load_reports", {"before_id": "load_none", "after_id": "load_none"}),
    ],
)
async def test_an_unknown_id_says_how_to_find_one(
    context: ToolContext, name: str, arguments: dict[str, str]
) -> None:
    """The error leads to list_load_reports."""
    with pytest.raises(ReportNotFound, match="list_load_reports shows the ids there are"):
        await call(context, name, **arguments)


async def test_a_report_of_another_version_is_told(
    context: ToolContext, storage: LoadReportStorage
) -> None:
    """It can still be fetched, but not understood."""
    newer = storage.store(result(b'{"schema_version": "9.0"}'))
    assert (await call(context, "get_load_report", report_id=newer, format="full"))["report"]
    for name, arguments in (
        ("get_load_report", {"report_id": newer, "format": "html"}),
        ("compare_load_reports", {"before_id": newer, "after_id": newer}),
    ):
        with pytest.raises(UnreadableReport, match="no load report of version"):
            await call(context, name, **arguments)


async def test_reports_are_resources(context: ToolContext, report_id: str) -> None:
    """Listed, completed, read; and the list is known to have changed."""
    resource = REGISTRY.resources["load-report://{id}"]
    assert resource.page is not None
    assert resource.marker is not None
    before = resource.marker(context.services)
    page = await resource.page(context, None)
    assert [entry.uri for entry in page.entries] == [f"load-report://{report_id}"]
    assert await resource.complete["id"](context, "load_", {}) == [report_id]
    read = await resource.read(context, id=report_id)
    assert isinstance(read, str)
    assert "All is well" in read
    assert await resource.read(context, id="load_none") is None
    context.services.get(LoadReportStorage).store(result())
    assert resource.marker(context.services) != before
