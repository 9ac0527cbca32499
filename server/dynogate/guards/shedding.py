"""Letting go of calls that nobody came to in time."""

import time

from dynogate.errors import Busy

CAME_AT = "dynogate.came_at"
"""Where an ASGI scope says when its request had come (``time.monotonic()``)."""

_BURST = 4.0  # times the target, while the process is not known to be late
_BEATS_TO_ACT = 2
_INTERVAL_SEC = 1.0
_RETRY_SEC = 1.0


class Shedder:
    """Refuses calls that have waited for the event loop for too long.

    When calls come faster than they can be served, each turn of the loop has more of them to see
    to, and takes longer, so that ever more come meanwhile. Those at its end have waited for most of
    a turn: refusing them costs nearly nothing, and bounds the turn. A burst may wait longer; once
    the loop stays late (as in CoDel, RFC 8289: one late moment is nothing), nobody may.

    Args:
        target_sec: how long a call may wait while the loop stays late.
    """

    def __init__(self, target_sec: float) -> None:
        self._target_sec = target_sec
        self._late_beats = 0
        self._late_from: float | None = None
        self._late_at = 0.0

    @property
    def is_late(self) -> bool:
        """Whether the loop stays late: at each look at it, or for each call that came of late."""
        if self._late_beats >= _BEATS_TO_ACT:
            return True
        return self._late_from is not None and self._late_at - self._late_from > _INTERVAL_SEC

    def beat(self, lag_sec: float) -> None:
        """Learn how late the loop was, at a regular look at it."""
        self._late_beats = self._late_beats + 1 if lag_sec > self._target_sec else 0

    def check(self, came_at: float) -> None:
        """Look at a call that came at ``came_at`` (``time.monotonic()``).

        Raises:
            Busy: it has waited for too long.
        """
        now = time.monotonic()
        waited_sec = now - came_at
        if waited_sec <= self._target_sec:
            self._late_from = None
            return
        if self._late_from is None or now - self._late_at > _INTERVAL_SEC:
            self._late_from = now
        self._late_at = now
        if self.is_late or waited_sec > _BURST * self._target_sec:
            raise Busy(
                f"this gateway is overloaded: nobody came to this call for {waited_sec:.2f} s "
                "(DYNOGATE_SHED_LAG_SEC); try again later",
                retry_after=_RETRY_SEC,
            )
