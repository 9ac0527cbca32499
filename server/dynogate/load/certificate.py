"""Whether the generator did what it was asked to: if not, its figures say nothing of the server."""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from dynogate.load.samples import Outcome, Samples

_SHORT = 0.5


@dataclass(frozen=True, slots=True)
class Limits:
    """Where a run becomes invalid.

    Attributes:
        late: seconds; so late may 1 % of the sends be, or ``share_of_p99`` of the response
            time's p99 where that is more: a wait that the server did not cause.
        lag: the same for the event loop, which also reads the answers.
        share_of_p99: see ``late``.
        cpu: of one core, that a generator process may use at most, over half a second or more:
            shorter runs are all beginning.
        dropped: share of the calls that may never have been sent.
    """

    late: float = 0.010
    lag: float = 0.020
    share_of_p99: float = 0.1
    cpu: float = 0.9
    dropped: float = 0.001


@dataclass(frozen=True, slots=True)
class Certificate:
    """The generator's judgement of itself.

    Attributes:
        late_p99: of the time from the intended to the actual send, in seconds; 0 in a closed
            loop, where nothing is intended.
        lag_p99: of the event loop's lag, in seconds.
        cpu_share: of one core, in the busiest generator process.
        dropped: calls that were never sent.
        reasons: what was beyond its limit, in words.
        limits: what was allowed.
    """

    late_p99: float
    lag_p99: float
    cpu_share: float
    dropped: int
    reasons: tuple[str, ...]
    limits: Limits

    @property
    def valid(self) -> bool:
        """Whether the run's figures are the server's."""
        return not self.reasons

    @property
    def verdict(self) -> str:
        """``VALID`` or ``INVALID``."""
        return "VALID" if self.valid else "INVALID"


def certify(
    samples: Samples, lags: Sequence[float], cpu_share: float, limits: Limits | None = None
) -> Certificate:
    """Hold a run against the limits.

    Args:
        samples: what was recorded.
        lags: of the event loop, in seconds, sampled evenly in time.
        cpu_share: CPU seconds a second of the busiest generator process while it was sending.
        limits: other than the usual ones.
    """
    allowed = limits or Limits()
    sent = ~np.isnan(samples.sent)
    late = float(np.percentile((samples.sent - samples.intended)[sent], 99)) if sent.any() else 0.0
    lag = float(np.percentile(lags, 99)) if len(lags) else 0.0
    dropped = samples.count(Outcome.DROPPED)
    p99 = samples.response_percentiles().p99
    tolerable = 0.0 if np.isnan(p99) else p99 * allowed.share_of_p99
    late_limit, lag_limit = max(allowed.late, tolerable), max(allowed.lag, tolerable)
    reasons = []
    if late > late_limit:
        reasons.append(
            f"late sends: 1 % were over {late * 1e3:.1f} ms late (limit {late_limit * 1e3:.1f} ms)"
        )
    if lag > lag_limit:
        reasons.append(
            f"a slow generator: its event loop lagged over {lag * 1e3:.1f} ms, 1 % of the time "
            f"(limit {lag_limit * 1e3:.1f} ms)"
        )
    if cpu_share > allowed.cpu and samples.duration >= _SHORT:
        reasons.append(
            f"a busy generator: {cpu_share:.0%} of a core (limit {allowed.cpu:.0%}); "
            "more --processes may help"
        )
    if dropped > allowed.dropped * len(samples):
        reasons.append(
            f"dropped sends: {dropped} of {len(samples)} were never sent, because too many calls "
            "were in flight or the generator could not keep up"
        )
    return Certificate(late, lag, cpu_share, dropped, tuple(reasons), allowed)


def worst(certificates: Sequence[tuple[str, Certificate]]) -> Certificate:
    """One certificate for several runs; the reasons say in which.

    Raises:
        ValueError: there is none.
    """
    if not certificates:
        raise ValueError("no run, no certificate")
    each = [certificate for _, certificate in certificates]
    return Certificate(
        late_p99=max(one.late_p99 for one in each),
        lag_p99=max(one.lag_p99 for one in each),
        cpu_share=max(one.cpu_share for one in each),
        dropped=sum(one.dropped for one in each),
        reasons=tuple(f"{where}: {why}" for where, one in certificates for why in one.reasons),
        limits=each[0].limits,
    )
