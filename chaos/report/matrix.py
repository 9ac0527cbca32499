"""The matrix service by fault: a cell is green only where an experiment proved it."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import get_args

from chaos.report.document import ExperimentReport
from chaos.spec import Fault


@dataclass(frozen=True, slots=True)
class Row:
    """A service, and for each column the experiments that broke it so."""

    service: str
    cells: tuple[tuple[ExperimentReport, ...], ...]


@dataclass(frozen=True, slots=True)
class Matrix:
    """The rows in the order of the experiments, the faults that came up as columns."""

    faults: tuple[Fault, ...]
    rows: tuple[Row, ...]


def matrix_of(experiments: Sequence[ExperimentReport]) -> Matrix:
    """Experiments in their places."""
    faults = tuple(each for each in get_args(Fault) if each in {e.fault for e in experiments})
    services = dict.fromkeys(each.service for each in experiments)
    return Matrix(
        faults,
        tuple(
            Row(
                service,
                tuple(
                    tuple(e for e in experiments if (e.service, e.fault) == (service, fault))
                    for fault in faults
                ),
            )
            for service in services
        ),
    )
