"""What a run recorded, and what is told from it."""

import math

import numpy as np
import pytest

from dynogate.load.samples import Outcome, Percentiles, Samples

NEVER = math.nan


def samples(*calls: tuple[float, float, float, Outcome], duration: float = 10.0) -> Samples:
    """Samples of (intended, sent, finished, outcome) each."""
    columns = list(zip(*calls, strict=True)) if calls else [()] * 4
    intended, sent, finished = (np.array(column, float) for column in columns[:3])
    return Samples(intended, sent, finished, np.array(columns[3], np.uint8), duration)


def test_response_time_counts_the_wait_before_the_send() -> None:
    """A late send is the caller's wait too; only the service time leaves it out."""
    run = samples((1.0, 1.5, 2.0, Outcome.OK))
    assert run.response_time.tolist() == [1.0]
    assert run.service_time.tolist() == [0.5]


def test_percentiles_are_exact() -> None:
    """They are those of numpy, not those of buckets."""
    times = np.random.default_rng(1).exponential(0.01, 5000)
    run = samples(*[(0.0, 0.0, t, Outcome.OK) for t in times])
    told = run.response_percentiles()
    assert told.p99 == pytest.approx(np.percentile(times, 99))
    assert told.p999 == pytest.approx(np.percentile(times, 99.9))
    assert told.max == times.max()
    assert told == run.service_percentiles()


def test_percentiles_of_nothing_are_not_numbers() -> None:
    """No calls is no latency of zero."""
    assert math.isnan(Percentiles.of(np.zeros(0)).p99)
    assert math.isnan(samples().success_rate)
    assert math.isnan(samples().error_rate)


def test_a_fast_refusal_makes_no_percentile_better() -> None:
    """Percentiles are over successes and timeouts only."""
    run = samples(
        (0.0, 0.0, 1.0, Outcome.OK),
        (0.0, 0.0, 3.0, Outcome.TIMEOUT),
        *[(0.0, 0.0, 0.001, outcome) for outcome in (Outcome.SHED, Outcome.RPC_ERROR)],
    )
    assert run.response_percentiles().p50 == 2.0


def test_outcomes_are_counted_apart() -> None:
    """Pushed back is neither success nor failure; what was never sent is not answered."""
    run = samples(
        (0.0, 0.0, 1.0, Outcome.OK),
        (0.0, 0.0, 1.0, Outcome.RATE_LIMITED),
        (0.0, 0.0, 1.0, Outcome.BAD_REPLY),
        (0.0, 0.0, 20.0, Outcome.TIMEOUT),
        (0.0, NEVER, NEVER, Outcome.DROPPED),
        (0.0, 0.0, NEVER, Outcome.ABANDONED),
    )
    assert run.answered == 4
    assert run.success_rate == 0.25
    assert run.error_rate == 0.5
    assert run.counts[Outcome.DROPPED] == 1
    assert run.offered_rate == 0.6
    assert run.span == 20.0
    assert run.throughput == 0.2
    assert run.goodput == 0.05


def test_a_window_starts_its_own_clock() -> None:
    """A slice of the run is a run."""
    run = samples(*[(t, t, t + 0.5, Outcome.OK) for t in (0.0, 1.0, 2.0, 3.0)])
    part = run.window(1.0, 3.0)
    assert part.intended.tolist() == [0.0, 1.0]
    assert part.response_time.tolist() == [0.5, 0.5]
    assert part.offered_rate == 1.0


def test_merged_samples_are_in_order() -> None:
    """Generators that ran together give one run."""
    even = samples(*[(t, t, t + 1, Outcome.OK) for t in (0.0, 2.0)])
    odd = samples(*[(t, t, t + 1, Outcome.SHED) for t in (1.0, 3.0)])
    both = Samples.merged([even, odd])
    assert both.intended.tolist() == [0.0, 1.0, 2.0, 3.0]
    assert both.outcome.tolist() == [0, 2, 0, 2]
    with pytest.raises(ValueError, match="nothing"):
        Samples.merged([])


def test_kinds_can_be_told_apart() -> None:
    """A scenario's calls are looked at one kind at a time."""
    times = np.arange(3.0)
    run = Samples(
        times,
        times,
        times + 1,
        np.zeros(3, np.uint8),
        3.0,
        kind=np.array([0, 1, 0], np.uint16),
        names=("list_databases", "health_check"),
    )
    assert len(run.of_kind("list_databases")) == 2
    with pytest.raises(ValueError, match="tuple"):
        run.of_kind("execute_query")


def test_samples_of_different_runs_do_not_merge() -> None:
    """An open and a closed loop are two experiments."""
    nothing = np.zeros(0)
    closed = Samples(nothing, nothing, nothing, np.zeros(0, np.uint8), 1.0, loop="closed")
    with pytest.raises(ValueError, match="different runs"):
        Samples.merged([closed, samples()])


def test_arrays_of_different_length_are_refused() -> None:
    """A recorder that lost an entry must not shift the others."""
    with pytest.raises(ValueError, match="length"):
        Samples(np.zeros(2), np.zeros(1), np.zeros(2), np.zeros(2, np.uint8), 1.0)
