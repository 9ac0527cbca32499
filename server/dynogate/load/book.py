"""The record of a run while it runs: flat arrays, an assignment or two a call, no bucketing."""

import math
from array import array
from collections import Counter
from collections.abc import Sequence
from time import perf_counter

import numpy as np
from numpy.typing import NDArray

from dynogate.load.samples import Loop, Outcome, Percentiles, Samples

_BLOCK = 8192
_DIFFERENT_COMPLAINTS = 50


class Book:
    """Times (of ``time.perf_counter``) and outcomes of the calls of one generator.

    Attributes:
        intended: seconds after ``start``; empty in a closed loop.
        kinds: which call each is; in a closed loop, over and over again.
        sent: when each was sent.
        finished: when each ended.
        outcome: an ``Outcome`` each; ``ABANDONED`` until it ended.
        used: how many of the entries are calls; in a closed loop the arrays are longer.
        complaints: what was wrong with replies, in words, and how often.
        start: when the run began.
    """

    def __init__(self, intended: NDArray[np.float64], kinds: NDArray[np.uint16]) -> None:
        self.intended = array("d", intended.astype(float).tobytes())
        self.kinds = array("H", kinds.astype(np.uint16).tobytes())
        self.sent = array("d")
        self.finished = array("d")
        self.outcome = bytearray()
        self.used = len(self.intended)
        self.complaints: Counter[str] = Counter()
        self.start = perf_counter()
        self.grow(self.used)

    def grow(self, count: int = _BLOCK) -> None:
        """Room for so many more entries."""
        nothing = np.full(count, math.nan).tobytes()
        self.sent.frombytes(nothing)
        self.finished.frombytes(nothing)
        self.outcome.extend(bytes([Outcome.ABANDONED]) * count)

    def kind(self, index: int) -> int:
        """Which call ``index`` is."""
        return self.kinds[index % len(self.kinds)]

    def complain(self, why: str) -> None:
        """Count what was wrong; of too many different things, only that there were more."""
        if why in self.complaints or len(self.complaints) < _DIFFERENT_COMPLAINTS:
            self.complaints[why] += 1
        else:
            self.complaints["other"] += 1

    def samples(
        self, duration: float, loop: Loop, users: int, names: Sequence[str], stop: int | None = None
    ) -> Samples:
        """What is recorded so far, up to entry ``stop``."""
        used = self.used if stop is None else stop
        sent = np.array(self.sent[:used]) - self.start
        return Samples(
            intended=sent.copy() if loop == "closed" else np.array(self.intended[:used]),
            sent=sent,
            finished=np.array(self.finished[:used]) - self.start,
            outcome=np.frombuffer(bytes(self.outcome[:used]), np.uint8),
            duration=duration,
            loop=loop,
            users=users,
            kind=self._kinds_of(used),
            names=tuple(names),
        )

    def _kinds_of(self, used: int) -> NDArray[np.uint16]:
        kinds = np.frombuffer(self.kinds.tobytes(), np.uint16)
        return np.resize(kinds, used) if used else np.zeros(0, np.uint16)

    def recent(self, first: int) -> Percentiles:
        """Percentiles of the response time over the calls from ``first`` on that have ended."""
        finished = np.array(self.finished[first : self.used]) - self.start
        if self.intended:
            began = np.array(self.intended[first : self.used])
        else:
            began = np.array(self.sent[first : self.used]) - self.start
        took = finished - began
        return Percentiles.of(took[~np.isnan(took)])
