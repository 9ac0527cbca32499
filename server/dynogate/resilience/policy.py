"""How one thing that the process depends on is asked: for how long, how often, until when not."""

from dataclasses import dataclass

from dynogate.resilience.breaker import CircuitBreaker, OnChange
from dynogate.resilience.expected import Expected
from dynogate.resilience.retry import Backoff


@dataclass(frozen=True, slots=True, kw_only=True)
class Policy:
    """The figures of one dependency.

    Attributes:
        timeout_sec: longest that whoever asks waits, with all retries.
        retries: how often it is asked again.
        failures: attempts that fail in a row before it is left alone.
        recovery_sec: for how long it is left alone, before a call may probe whether it is back.
    """

    timeout_sec: float
    retries: int
    failures: int
    recovery_sec: float

    def breaker(
        self, name: str, expected: Expected, on_change: OnChange | None = None
    ) -> CircuitBreaker:
        """The breaker of the dependency with this name; ``expected`` says that it is down."""
        return CircuitBreaker(
            self.failures,
            self.recovery_sec,
            expected,
            # A probe that takes as long as anyone would wait has been given up on by then.
            probe_timeout=self.timeout_sec + _GRACE_SEC,
            name=name,
            on_change=on_change,
        )

    def backoff(self, exceptions: Expected) -> Backoff:
        """Retries that are over before anyone gives up waiting: a tenth of a second, doubled."""
        return Backoff(
            max_retries=self.retries,
            base_delay=_FIRST_WAIT_SEC,
            max_delay=self.timeout_sec,
            exceptions=exceptions,
            deadline_sec=self.timeout_sec,
        )


_FIRST_WAIT_SEC = 0.1
_GRACE_SEC = 1.0
