"""The states of a circuit breaker, as arithmetic: what each call and each outcome changes.

Not one of the libraries in use bounds probes under concurrency, which is why this is here: see
``docs/resilience.md``.
"""

from dataclasses import dataclass, field
from enum import StrEnum

_PROBED_SEC = 1.0  # when to ask again while probes are under way: nobody knows, but it is soon


class State(StrEnum):
    """What becomes of a call."""

    CLOSED = "closed"  # let through
    OPEN = "open"  # refused
    HALF_OPEN = "half_open"  # let through as a probe, a few at a time


@dataclass(frozen=True, slots=True, kw_only=True)
class Limits:
    """When a breaker opens and closes.

    Attributes:
        failure_threshold: failures in a row that open it.
        recovery_timeout: seconds that it stays open.
        success_threshold: probes that have to succeed, without a failure between, to close it.
        half_open_probes: probes under way at once.
        probe_timeout: seconds after which a probe that has not ended (its thread hangs, its
            process was killed) counts as failed, and its place is free again.
    """

    failure_threshold: int
    recovery_timeout: float
    success_threshold: int
    half_open_probes: int
    probe_timeout: float

    def __post_init__(self) -> None:
        """See that the figures make sense.

        Raises:
            ValueError: one does not; says which.
        """
        for name in ("failure_threshold", "success_threshold", "half_open_probes"):
            if getattr(self, name) < 1:
                raise ValueError(f"{name} must be 1 or more, not {getattr(self, name)}")
        for name in ("recovery_timeout", "probe_timeout"):
            if not getattr(self, name) > 0:
                raise ValueError(f"{name} must be seconds, more than 0, not {getattr(self, name)}")


@dataclass(frozen=True, slots=True)
class Permit:
    """That a call may be made.

    Attributes:
        era: the state that let it through: what comes of it counts only while that lasts.
        probe: its number, where it is a probe.
    """

    era: int
    probe: int | None = None


@dataclass(frozen=True, slots=True)
class Refusal:
    """That it may not, and in how many seconds it is worth asking again."""

    retry_after: float


@dataclass(slots=True)
class Circuit:
    """Where a breaker stands. Knows no clock, no lock and no I/O: it is told what time it is.

    Attributes:
        state: as of the last call; `look` tells what the next one meets.
        era: how many changes of state there were.
    """

    limits: Limits
    state: State = State.CLOSED
    era: int = 0
    failures: int = 0
    successes: int = 0
    open_until: float = 0.0
    last_probe: int = 0
    probes: dict[int, float] = field(default_factory=dict)
    """Until when each probe that is under way has its place."""

    def look(self, now: float) -> State:
        """What a call at ``now`` would meet."""
        self._expire(now)
        if self.state is State.OPEN and now >= self.open_until:
            return State.HALF_OPEN
        return self.state

    def enter(self, now: float) -> Permit | Refusal:
        """Ask for a call to be let through."""
        self._expire(now)
        if self.state is State.CLOSED:
            return Permit(self.era)
        if self.state is State.OPEN:
            if now < self.open_until:
                return Refusal(self.open_until - now)
            self._change(State.HALF_OPEN)
        if len(self.probes) >= self.limits.half_open_probes:
            return Refusal(min(min(self.probes.values()) - now, _PROBED_SEC))
        self.last_probe += 1
        self.probes[self.last_probe] = now + self.limits.probe_timeout
        return Permit(self.era, self.last_probe)

    def leave(self, permit: Permit, now: float, *, failed: bool | None) -> None:
        """Tell what came of a call: whether it failed, or None where that says nothing."""
        if permit.era != self.era:
            return  # it was let through by a state that is over
        if permit.probe is not None:
            self.probes.pop(permit.probe, None)
        if failed is None:
            return
        if self.state is State.CLOSED:
            self.failures = self.failures + 1 if failed else 0
            if self.failures >= self.limits.failure_threshold:
                self._open(now)
        elif failed:
            self._open(now)
        else:
            self.successes += 1
            if self.successes >= self.limits.success_threshold:
                self._change(State.CLOSED)

    def adopt(self, state: State, failures: int, open_until: float) -> None:
        """Take over how things stand elsewhere."""
        if state is not self.state:
            self._change(state)
        self.failures = failures
        self.open_until = open_until

    def _expire(self, now: float) -> None:
        end = min(self.probes.values(), default=now + 1)
        if end <= now:
            self._open(end)

    def _open(self, now: float) -> None:
        self._change(State.OPEN)
        self.open_until = now + self.limits.recovery_timeout

    def _change(self, state: State) -> None:
        self.state = state
        self.era += 1
        self.failures = self.successes = 0
        self.probes.clear()
