"""Letting go of calls while the process is too late with everything."""

_GIVE_UP_AT_MOST = 0.9
_BEATS_TO_ACT = 2


class Shedder:
    """Decides which part of the calls to refuse, from how late the event loop is.

    A late loop delays every call alike, so that a queue of them would only be late for longer. As
    in CoDel (RFC 8289), one late moment is nothing; a loop that stays late is an overload. The part
    to refuse grows while it lasts, and shrinks slowly when it is over.

    Args:
        target_sec: how late the event loop may be.

    Attributes:
        part: which part of the calls is refused now, from 0 to 0.9.
    """

    def __init__(self, target_sec: float) -> None:
        self.part = 0.0
        self._target_sec = target_sec
        self._late_beats = 0
        self._due = 0.0

    def beat(self, lag_sec: float) -> None:
        """Learn how late the loop was, at a regular look at it."""
        if lag_sec <= self._target_sec:
            self._late_beats = 0
            self.part = self.part * 0.8 if self.part > 0.05 else 0.0
            return
        self._late_beats += 1
        if self._late_beats >= _BEATS_TO_ACT:
            step = 0.1 * min(lag_sec / self._target_sec, 3.0)
            self.part = min(self.part + step, _GIVE_UP_AT_MOST)

    def sheds(self) -> bool:
        """Whether the next call is one to refuse; evenly spread."""
        self._due += self.part
        if self._due < 1.0:
            return False
        self._due -= 1.0
        return True
