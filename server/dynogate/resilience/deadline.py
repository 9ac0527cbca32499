"""Until when whatever is being done has to be done, known to all that is done for it."""

import time
from collections.abc import Iterator
from contextlib import contextmanager
from contextvars import ContextVar

_ends_at: ContextVar[float | None] = ContextVar("ends_at", default=None)


@contextmanager
def deadline(seconds: float | None) -> Iterator[None]:
    """Let whatever is done in this block know that it has ``seconds``; None for no bound.

    It cuts nothing off: `asyncio.timeout` does. A deadline that is nearer stays in force. What runs
    in a thread knows it too where the thread was given the context, as `asyncio.to_thread` does.
    """
    before = _ends_at.get()
    if seconds is not None:
        ends_at = time.monotonic() + seconds
        _ends_at.set(ends_at if before is None else min(before, ends_at))
    try:
        yield
    finally:
        _ends_at.set(before)


def time_left_sec() -> float | None:
    """Seconds until the deadline, negative once it has passed; None where there is none."""
    ends_at = _ends_at.get()
    return None if ends_at is None else ends_at - time.monotonic()
