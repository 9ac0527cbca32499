"""What the load tools share: their toolset, stored reports by id, and the extra they need."""

from importlib.util import find_spec
from typing import Annotated

from pydantic import Field

from dynogate.errors import ExtraMissing, ReportNotFound
from dynogate.load.storage import LoadReportStorage
from dynogate.load.stored import StoredReport
from dynogate.tools.registry import Annotations, Toolset

toolset = Toolset("load")

READ = Annotations(read_only=True, idempotent=True)
EXECUTE = Annotations(read_only=False, destructive=True, open_world=True)

ReportId = Annotated[
    str,
    Field(
        description="Id of a stored load report, as run_load_test and list_load_reports return it.",
        min_length=1,
        max_length=100,
    ),
]


def require_extra(what: str, *packages: str) -> None:
    """See that packages of the extra ``load`` are there, without importing them.

    Raises:
        ExtraMissing: one is not.
    """
    missing = [name for name in packages if find_spec(name) is None]
    if missing:
        raise ExtraMissing(
            f"{what} needs the Python packages {', '.join(missing)} on the gateway's machine. "
            "Its operator can install them with: pip install 'dynogate[load]'"
        )


def load_summary(storage: LoadReportStorage, report_id: str) -> StoredReport:
    """What is known of a stored report.

    Raises:
        ReportNotFound: none has this id.
    """
    found = storage.summary(report_id)
    if found is None:
        raise not_found(report_id)
    return found


def load_document(storage: LoadReportStorage, report_id: str) -> bytes:
    """A stored report as JSON.

    Raises:
        ReportNotFound: none has this id.
    """
    found = storage.document(report_id)
    if found is None:
        raise not_found(report_id)
    return found


def not_found(report_id: str) -> ReportNotFound:
    """The error that says how to find the ids there are."""
    return ReportNotFound(
        f"No stored load report has the id {report_id!r}. list_load_reports shows the ids there "
        "are."
    )
