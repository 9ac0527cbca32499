"""What a planned load test leaves behind: files in a folder, as data."""

from typing import Literal

import msgspec

from dynogate.store.load_reports import LoadReportRow

PROGRESS, RESULT, PROBLEM = "progress.json", "result.json", "problem.json"


class Standing(msgspec.Struct, frozen=True):
    """How far it is: seconds of load so far, and how it goes in words."""

    done: float
    message: str


class Problem(msgspec.Struct, frozen=True):
    """Why there is no result."""

    kind: Literal["unreachable", "invalid", "interrupted"]
    message: str


class Result(msgspec.Struct, frozen=True):
    """What it found.

    Attributes:
        row: the figures by which it is listed.
        text: the report for a reader.
        document: the report as JSON (``docs/load-report.schema.json``).
    """

    row: LoadReportRow
    text: str
    document: msgspec.Raw
