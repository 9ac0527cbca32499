"""What a load run recorded: one entry a call, as numpy arrays."""

from collections.abc import Sequence
from dataclasses import dataclass, field
from enum import IntEnum
from typing import Literal

import numpy as np
from numpy.typing import NDArray

Loop = Literal["open", "closed"]


class Outcome(IntEnum):
    """How a call ended. Only ``OK`` is a success; ``RATE_LIMITED`` and ``SHED`` are no failures."""

    OK = 0
    RATE_LIMITED = 1
    """HTTP 429: the server said to come more slowly."""
    SHED = 2
    """HTTP 503: the server said that it is too busy."""
    TOOL_ERROR = 3
    """A valid reply with ``isError: true``."""
    RPC_ERROR = 4
    """A valid reply with ``error``, whatever the HTTP status was."""
    BAD_REPLY = 5
    """No valid JSON-RPC reply: another id, no JSON, HTML, cut off."""
    TIMEOUT = 6
    CONNECTION = 7
    """Refused, reset, closed before the reply, TLS or DNS failure."""
    DROPPED = 8
    """Never sent: as many calls as the generator allows were in flight already."""
    ABANDONED = 9
    """In flight when the run was stopped by hand."""


PUSHED_BACK = (Outcome.RATE_LIMITED, Outcome.SHED)
FAILURES = (
    Outcome.TOOL_ERROR,
    Outcome.RPC_ERROR,
    Outcome.BAD_REPLY,
    Outcome.TIMEOUT,
    Outcome.CONNECTION,
)
_NO_ANSWER = (Outcome.DROPPED, Outcome.ABANDONED)
_TIMED = (Outcome.OK, Outcome.TIMEOUT)


@dataclass(frozen=True, slots=True)
class Percentiles:
    """Exact percentiles in seconds; NaN where there was nothing to measure."""

    p50: float
    p95: float
    p99: float
    p999: float
    max: float
    mean: float

    @classmethod
    def of(cls, seconds: NDArray[np.float64]) -> "Percentiles":
        """The percentiles of ``seconds``, interpolated linearly."""
        if seconds.size == 0:
            return cls(*[float("nan")] * 6)
        p50, p95, p99, p999 = map(float, np.percentile(seconds, [50, 95, 99, 99.9]))
        return cls(p50, p95, p99, p999, float(seconds.max()), float(seconds.mean()))


@dataclass(frozen=True, slots=True, eq=False)
class Samples:
    """The calls of one run, in order of their intended send.

    Attributes:
        intended: when each call should have been sent, in seconds since the start of the run. In a
            closed loop nothing decides that but the last answer, so it equals ``sent``.
        sent: when it was sent; NaN where it never was.
        finished: when its answer was complete, or it failed; NaN where never sent or abandoned.
        outcome: an ``Outcome`` each.
        duration: how long calls were being sent, in seconds; not the wait for the last answers.
        loop: who decided when a call was sent: the schedule (open), or the last answer (closed).
        users: how many callers a closed loop had; 0 for an open one.
        kind: which of ``names`` each call was.
        names: the kinds of calls in a scenario.
    """

    intended: NDArray[np.float64]
    sent: NDArray[np.float64]
    finished: NDArray[np.float64]
    outcome: NDArray[np.uint8]
    duration: float
    loop: Loop = "open"
    users: int = 0
    kind: NDArray[np.uint16] = field(default_factory=lambda: np.zeros(0, np.uint16))
    names: tuple[str, ...] = ("call",)

    def __post_init__(self) -> None:
        if self.kind.size == 0:
            object.__setattr__(self, "kind", np.zeros(self.intended.size, np.uint16))
        sizes = {a.size for a in (self.intended, self.sent, self.finished, self.outcome, self.kind)}
        if len(sizes) != 1:
            raise ValueError(f"the arrays of a run differ in length: {sorted(sizes)}")

    def __len__(self) -> int:
        return int(self.intended.size)

    @property
    def response_time(self) -> NDArray[np.float64]:
        """Seconds from the intended send to the answer: what a caller waited."""
        return self.finished - self.intended

    @property
    def service_time(self) -> NDArray[np.float64]:
        """Seconds from the actual send to the answer."""
        return self.finished - self.sent

    @property
    def timed(self) -> NDArray[np.bool_]:
        """Which calls the percentiles are taken over: successes, and timeouts as a lower bound.

        A refusal is no service, and often a fast one: it would make the figures better than what
        a caller meets. A timeout is a caller who waited at least that long.
        """
        return self.is_one_of(*_TIMED)

    def is_one_of(self, *outcomes: Outcome) -> NDArray[np.bool_]:
        """Which calls ended in one of ``outcomes``."""
        return np.isin(self.outcome, np.array(outcomes, np.uint8))

    def response_percentiles(self) -> Percentiles:
        """Percentiles of the response time over the ``timed`` calls."""
        return Percentiles.of(self.response_time[self.timed])

    def service_percentiles(self) -> Percentiles:
        """Percentiles of the service time over the ``timed`` calls."""
        return Percentiles.of(self.service_time[self.timed])

    def count(self, *outcomes: Outcome) -> int:
        """How many calls ended in one of ``outcomes``."""
        return int(self.is_one_of(*outcomes).sum())

    @property
    def counts(self) -> dict[Outcome, int]:
        """Calls by outcome, those that did not happen left out."""
        values, numbers = np.unique(self.outcome, return_counts=True)
        return {Outcome(int(v)): int(n) for v, n in zip(values, numbers, strict=True)}

    @property
    def answered(self) -> int:
        """Calls that were sent and came to an end, good or bad."""
        return len(self) - self.count(*_NO_ANSWER)

    @property
    def success_rate(self) -> float:
        """The share of ``answered`` calls that succeeded, 0 to 1; NaN where there was none."""
        return self.count(Outcome.OK) / self.answered if self.answered else float("nan")

    @property
    def error_rate(self) -> float:
        """The share of ``answered`` calls that failed; being pushed back is no failure."""
        return self.count(*FAILURES) / self.answered if self.answered else float("nan")

    @property
    def offered_rate(self) -> float:
        """Calls a second that the schedule asked for (open loop) or that were sent (closed)."""
        return len(self) / self.duration if self.duration > 0 else float("nan")

    @property
    def throughput(self) -> float:
        """Ends of calls a second, good or bad, over the whole time until the last one."""
        return self.answered / self.span if self.span > 0 else float("nan")

    @property
    def goodput(self) -> float:
        """Successes a second, over the whole time until the last end of a call."""
        return self.count(Outcome.OK) / self.span if self.span > 0 else float("nan")

    @property
    def span(self) -> float:
        """Seconds from the start of the run to the last end of a call, at least ``duration``."""
        ended = self.finished[~np.isnan(self.finished)]
        return max(self.duration, float(ended.max())) if ended.size else self.duration

    def window(self, start: float, end: float) -> "Samples":
        """The calls intended in ``start`` <= t < ``end``; their times count from ``start``."""
        return self._chosen((self.intended >= start) & (self.intended < end), start, end - start)

    def of_kind(self, name: str) -> "Samples":
        """The calls of one kind.

        Raises:
            ValueError: there is no such kind.
        """
        return self._chosen(self.kind == self.names.index(name), 0.0, self.duration)

    def _chosen(self, mask: NDArray[np.bool_], start: float, duration: float) -> "Samples":
        return Samples(
            intended=self.intended[mask] - start,
            sent=self.sent[mask] - start,
            finished=self.finished[mask] - start,
            outcome=self.outcome[mask],
            duration=duration,
            loop=self.loop,
            users=self.users,
            kind=self.kind[mask],
            names=self.names,
        )

    @classmethod
    def merged(cls, parts: Sequence["Samples"]) -> "Samples":
        """The samples of several generators that ran at the same time, with one clock.

        Raises:
            ValueError: no parts, or they differ in loop or names.
        """
        if not parts:
            raise ValueError("nothing to merge")
        if len({(part.loop, part.names) for part in parts}) != 1:
            raise ValueError("samples of different runs cannot be merged")
        intended = np.concatenate([part.intended for part in parts])
        order = np.argsort(intended, kind="stable")
        return cls(
            intended=intended[order],
            sent=np.concatenate([part.sent for part in parts])[order],
            finished=np.concatenate([part.finished for part in parts])[order],
            outcome=np.concatenate([part.outcome for part in parts])[order],
            duration=max(part.duration for part in parts),
            loop=parts[0].loop,
            users=sum(part.users for part in parts),
            kind=np.concatenate([part.kind for part in parts])[order],
            names=parts[0].names,
        )
