"""When a run's figures are not the server's."""

import numpy as np
import pytest

from dynogate.load.certificate import Limits, certify, worst
from dynogate.load.samples import Outcome, Samples


def run(*, late: float = 0.0, took: float = 0.01, dropped: int = 0, calls: int = 1000) -> Samples:
    """A second of calls, all of them as late and as long, the last ones never sent."""
    intended = np.arange(calls) / calls
    sent = intended + late
    finished = sent + took
    outcome = np.full(calls, Outcome.OK, np.uint8)
    if dropped:
        sent[-dropped:] = finished[-dropped:] = np.nan
        outcome[-dropped:] = Outcome.DROPPED
    return Samples(intended, sent, finished, outcome, 1.0)


def test_a_run_on_time_is_valid() -> None:
    """Nothing to complain about."""
    certificate = certify(run(), [0.001], 0.5)
    assert certificate.verdict == "VALID"
    assert certificate.late_p99 == 0


@pytest.mark.parametrize(
    ("samples", "lags", "cpu", "why"),
    [
        (run(late=0.02), [0.0], 0.5, "late sends: 1 % were over 20.0 ms late"),
        (run(), [0.05], 0.5, "a slow generator"),
        (run(), [0.0], 0.95, "a busy generator: 95% of a core"),
        (run(dropped=2), [0.0], 0.5, "dropped sends: 2 of 1000"),
    ],
)
def test_each_limit_has_its_reason(
    samples: Samples, lags: list[float], cpu: float, why: str
) -> None:
    """One reason for one fault."""
    certificate = certify(samples, lags, cpu)
    assert certificate.verdict == "INVALID"
    assert len(certificate.reasons) == 1
    assert certificate.reasons[0].startswith(why)


def test_lateness_that_does_not_matter_is_let_through() -> None:
    """20 ms more or less say nothing beside answers that take a second; 200 ms do."""
    assert certify(run(late=0.02, took=1.0), [0.02], 0.5).valid
    assert not certify(run(late=0.2, took=1.0), [0.02], 0.5).valid


def test_limits_can_be_others() -> None:
    """For steps of a search, dropped calls are the server's doing."""
    assert certify(run(dropped=500), [], 0.5, Limits(dropped=1.0)).valid
    assert not certify(run(), [], 0.5, Limits(cpu=0.4)).valid


def test_a_run_without_calls_has_a_certificate() -> None:
    """It says nothing of the generator; thresholds fail it."""
    nothing = np.zeros(0)
    empty = Samples(nothing, nothing, nothing, np.zeros(0, np.uint8), 1.0)
    assert certify(empty, [], 0.0).valid


def test_the_worst_of_several() -> None:
    """Invalid where one is, and says which."""
    fine, late = certify(run(), [0.001], 0.5), certify(run(late=0.02), [0.0], 0.2)
    both = worst([("at 10", fine), ("at 20", late)])
    assert both.reasons[0].startswith("at 20: late sends")
    assert both.cpu_share == 0.5
    with pytest.raises(ValueError, match="no run"):
        worst([])
