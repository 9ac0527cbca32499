"""The document says what was measured, and reads back as it was written."""

import json
from pathlib import Path

import jsonschema
import numpy as np
import pytest

from dynogate.errors import ConfigurationError
from dynogate.load.breaking_point import BreakingPoint
from dynogate.load.report.document import (
    BreakingPointReport,
    Report,
    read_report,
    run_of,
    write_report,
)
from dynogate.load.samples import Outcome, Samples
from dynogate.load.steps import Rule, Step
from tests.load.report.example import VALID, ramp_up, report, soak, sustained

STEP = Step(1.0, 1.0, 0.5, 1.0, 1.0, 1.0, 1.0, 1.0, 20)
SCHEMA = Path(__file__).resolve().parents[3] / "docs" / "load-report.schema.json"


@pytest.fixture(scope="module")
def full() -> Report:
    return report(sustained(), ramp_up())


def test_a_document_reads_back_as_it_was_written(full: Report, tmp_path: Path) -> None:
    """Nothing is lost on the way through JSON."""
    write_report(full, tmp_path / "report.json")
    assert read_report(tmp_path / "report.json") == full


def test_a_document_keeps_to_the_published_schema(full: Report) -> None:
    """Readers in other languages have only that."""
    schema = json.loads(SCHEMA.read_text())
    jsonschema.Draft202012Validator.check_schema(schema)
    jsonschema.validate(json.loads(full.model_dump_json()), schema)


def test_both_times_stand_side_by_side_in_seconds(full: Report) -> None:
    """The fixed names of the command's JSON."""
    told = json.loads(full.model_dump_json())
    samples = soak()
    for name, times in (
        ("response_time", samples.response_time),
        ("service_time", samples.service_time),
    ):
        served = times[samples.outcome == Outcome.OK]
        exact = np.percentile(served, [50, 95, 99, 99.9, 100])
        said = [told[name][each] for each in ("p50", "p95", "p99", "p999", "max")]
        assert said == pytest.approx(exact.tolist(), rel=1e-4)


def test_outcomes_add_up_to_the_calls(full: Report) -> None:
    """No call is lost between the counts."""
    assert sum(full.outcomes.values()) == full.calls
    assert sum(each.calls for each in full.endpoints.values()) == full.calls
    assert sum(window.calls for window in full.windows) == full.calls


def test_runs_come_in_order(full: Report) -> None:
    """The figures of the document are those of the last one."""
    assert [run.name for run in full.runs] == ["ramp-up", "sustained"]


def test_a_run_without_an_answer_is_a_document_of_nulls() -> None:
    """What was not measured is null, and the document is still valid JSON."""
    nothing = np.full(10, np.nan)
    at = np.arange(10) / 10
    dropped = np.full(10, Outcome.DROPPED, np.uint8)
    run = run_of("concurrent", Samples(at, nothing, nothing, dropped, 1.0), VALID)
    assert (run.answered, run.success_rate) == (0, None)
    assert (run.response_time.p99, run.windows[0].response_p50) == (None, None)
    json.loads(run.model_dump_json(), parse_constant=pytest.fail)


def test_a_search_that_found_nothing_has_no_knee() -> None:
    """The words say how far it went."""
    told = BreakingPointReport.of(BreakingPoint("at once", Rule(), broken_by="slow", steps=(STEP,)))
    assert (told.knee, told.edges) == (None, ())
    assert told.text == "does not even hold 1.00/s: slow"


def test_newer_fields_of_the_same_major_version_are_left_out(full: Report, tmp_path: Path) -> None:
    """An older reader can read a newer minor version."""
    told = json.loads(full.model_dump_json()) | {"schema_version": "1.7", "colour": "red"}
    (tmp_path / "newer.json").write_text(json.dumps(told))
    assert read_report(tmp_path / "newer.json").schema_version == "1.7"


def test_another_major_version_is_refused(full: Report, tmp_path: Path) -> None:
    """Rather an error than wrong figures."""
    told = json.loads(full.model_dump_json()) | {"schema_version": "2.0"}
    (tmp_path / "future.json").write_text(json.dumps(told))
    with pytest.raises(ConfigurationError, match=r"no load report of version 1\.0: schema_version"):
        read_report(tmp_path / "future.json")


@pytest.mark.parametrize(
    ("text", "message"),
    [("", "the whole file"), ("[]", "the whole file"), ("{}", "calls: Field required")],
)
def test_other_files_are_refused(text: str, message: str, tmp_path: Path) -> None:
    """With the first thing that is wrong."""
    (tmp_path / "other.json").write_text(text)
    with pytest.raises(ConfigurationError, match=f"is no load report .*{message}"):
        read_report(tmp_path / "other.json")


def test_a_missing_file_is_named(tmp_path: Path) -> None:
    """Where it was looked for, and why it could not be read."""
    with pytest.raises(ConfigurationError, match=r"gone\.json cannot be read: No such file"):
        read_report(tmp_path / "gone.json")


def test_a_huge_file_is_not_read(tmp_path: Path) -> None:
    """A sparse file of a gigabyte is no report."""
    with (tmp_path / "huge.json").open("wb") as file:
        file.truncate(2**30)
    with pytest.raises(ConfigurationError, match="no load report"):
        read_report(tmp_path / "huge.json")
