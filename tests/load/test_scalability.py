"""The universal scalability law: right where the data can say, silent where they cannot."""

import numpy as np
import pytest

from dynogate.load import scalability
from dynogate.load.scalability import fit_scalability, throughput

LOADS = np.array([1, 2, 4, 8, 12, 16, 24, 32, 48, 64], float)


def noisy(alpha: float, beta: float, seed: int, loads: np.ndarray = LOADS) -> np.ndarray:
    """Throughput by the law, measured with an error of 3 %."""
    scatter = np.random.default_rng(seed).normal(0, 0.03, loads.size)
    return np.asarray(throughput(loads, 100.0, alpha, beta) * np.exp(scatter))


@pytest.mark.parametrize("seed", range(2))
def test_a_known_law_is_found(seed: int) -> None:
    """Contention 5 %, coherency 0.1 %: a peak at 31 calls in flight."""
    law = fit_scalability(LOADS.tolist(), noisy(0.05, 0.001, seed).tolist())
    assert law.alpha is not None
    assert law.beta is not None
    assert law.peak_concurrency is not None
    assert law.alpha.low <= 0.05 <= law.alpha.high
    assert law.beta.low <= 0.001 <= law.beta.high
    assert law.peak_concurrency.low <= 30.8 <= law.peak_concurrency.high
    assert "peak of" in law.text


def test_intervals_hold_the_truth() -> None:
    """About 19 in 20 of them."""
    inside = 0
    for seed in range(12):
        law = fit_scalability(LOADS.tolist(), noisy(0.05, 0.001, seed).tolist())
        assert law.alpha is not None
        inside += law.alpha.low <= 0.05 <= law.alpha.high
    assert inside >= 10


def test_a_server_that_scales_in_a_straight_line_has_no_peak() -> None:
    """Nothing bends, so nothing is predicted."""
    law = fit_scalability(LOADS.tolist(), noisy(0.0, 0.0, 1).tolist())
    assert law.alpha is not None
    assert (law.peak_concurrency, law.peak_throughput) == (None, None)
    assert "no peak" in law.text


def test_a_peak_far_beyond_the_data_is_not_predicted() -> None:
    """Loads up to 12 must not be stretched to a peak at 44."""
    loads = np.array([1, 2, 3, 4, 6, 8, 10, 12], float)
    exact = throughput(loads, 100.0, 0.02, 0.0005)
    scatter = np.random.default_rng(1).normal(0, 0.001, loads.size)
    law = fit_scalability(loads.tolist(), (exact * np.exp(scatter)).tolist())
    assert law.beta is not None
    assert law.beta.low > 0
    assert law.peak_concurrency is None
    assert law.text.endswith("no peak: it would lie beyond 2 times the highest load measured")


def test_a_fit_that_does_not_converge_says_so(monkeypatch: pytest.MonkeyPatch) -> None:
    """Rather than to end a run whose steps took a quarter of an hour."""
    monkeypatch.setattr(scalability, "MAX_STEPS", 1)
    law = fit_scalability(LOADS.tolist(), noisy(0.05, 0.001, 1).tolist())
    assert law.text == "no scalability law: the fit did not converge"


def test_an_exact_law_is_found_exactly() -> None:
    """Without noise, nothing is uncertain."""
    law = fit_scalability(LOADS.tolist(), throughput(LOADS, 50.0, 0.1, 0.002).tolist())
    assert law.single is not None
    assert law.peak_throughput is not None
    assert law.single.value == pytest.approx(50, rel=1e-3)
    peak = np.sqrt(0.9 / 0.002)
    assert law.peak_throughput.value == pytest.approx(
        float(throughput(np.asarray(peak), 50.0, 0.1, 0.002)), rel=1e-3
    )


@pytest.mark.parametrize(
    ("loads", "measured", "missing"),
    [
        ([], [], "0 different loads, 5 are needed"),
        ([1, 2, 4, 8, 8], [1, 2, 4, 8, 8], "4 different loads, 5 are needed"),
        ([1, 2, 4, 8, 16], [0, 0, 0, 0, 0], "0 different loads, 5 are needed"),
        ([10, 11, 12, 13, 14], [10, 11, 12, 13, 14], "the loads span less than a factor of 4"),
    ],
)
def test_too_few_points_say_nothing(
    loads: list[float], measured: list[float], missing: str
) -> None:
    """And say what is missing."""
    law = fit_scalability(loads, measured)
    assert law.alpha is None
    assert law.text == f"no scalability law: {missing}"


def test_loads_and_throughputs_go_together() -> None:
    """A mix-up is a fault of the caller."""
    with pytest.raises(ValueError, match="2 concurrencies do not go with 1 throughputs"):
        fit_scalability([1, 2], [1])
