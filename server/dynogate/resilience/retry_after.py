"""What an error says about when to come back (RFC 9110, section 10.2.3)."""

import math
from collections.abc import Mapping
from datetime import UTC, datetime
from email.utils import parsedate_to_datetime

_LONGEST_SEC = 86_400.0  # whoever says more is told to come back tomorrow


def retry_after_sec(error: BaseException) -> float | None:
    """Seconds after which to try again, as ``error`` says; None where it does not.

    Looked for in its attribute ``retry_after``, and in the header Retry-After of its ``response``
    (as the HTTP clients have it): a number of seconds, or an HTTP date.
    """
    said = getattr(error, "retry_after", None)
    if said is None:
        headers = getattr(getattr(error, "response", None), "headers", None)
        said = headers.get("retry-after") if isinstance(headers, Mapping) else None
    return read_retry_after(said)


def read_retry_after(said: object) -> float | None:
    """Seconds, from a number or from the value of the header Retry-After; None where it is wrong.

    That came from another machine: whatever it is, it does no harm.
    """
    if isinstance(said, str):
        return _read(said.strip())
    if isinstance(said, int | float) and abs(said) < math.inf:
        return float(min(max(said, 0), _LONGEST_SEC))
    return None


def _read(text: str) -> float | None:
    if text.isascii() and text.isdigit() and len(text) <= 10:
        return min(float(text), _LONGEST_SEC)
    try:
        date = parsedate_to_datetime(text)
    except (ValueError, OverflowError):
        return None
    if date.tzinfo is None:  # "-0000": of no known zone
        date = date.replace(tzinfo=UTC)
    return min(max((date - datetime.now(UTC)).total_seconds(), 0.0), _LONGEST_SEC)
