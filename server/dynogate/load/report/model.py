"""The base of the report's models, and its figures."""

import math

from pydantic import BaseModel, ConfigDict


class Model(BaseModel):
    """Immutable; unknown is ``None``, never 0 and never not-a-number.

    Fields that a later version added are left out when a document is read.
    """

    model_config = ConfigDict(frozen=True, extra="ignore", allow_inf_nan=False)


def figure(value: float | None) -> float | None:
    """A measured figure to six digits, which is more than any clock here can tell; None for NaN."""
    if value is None or not math.isfinite(value):
        return None
    return float(f"{value:.6g}")
