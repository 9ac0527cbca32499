"""The statistics of dynogate.statistics, checked against scipy and known tables."""

import subprocess
import sys

import numpy as np
import pytest

from dynogate.statistics import (
    benjamini_hochberg,
    paired_ratio,
    theil_sen,
    two_sided,
)


@pytest.mark.parametrize("seed", range(5))
def test_the_slope_and_its_interval_are_those_of_scipy(seed: int) -> None:
    """Written out for speed, the slope must still be the textbook's."""
    from scipy.stats import theilslopes

    generator = np.random.default_rng(seed)
    xs = np.sort(generator.uniform(0, 10, 60))
    ys = 3 * xs + generator.standard_t(2, 60)
    ours, theirs = theil_sen(xs.tolist(), ys.tolist()), theilslopes(ys, xs, 0.95)
    assert (ours.slope, ours.low, ours.high) == pytest.approx(
        (theirs.slope, theirs.low_slope, theirs.high_slope)
    )


def test_a_few_wild_points_do_not_move_the_slope() -> None:
    """Robustness is why this slope was chosen."""
    xs = [float(x) for x in range(40)]
    ys = [2 * x for x in xs]
    ys[3], ys[20] = 1e6, -1e6
    assert theil_sen(xs, ys).slope == pytest.approx(2)


def test_many_points_are_thinned_without_losing_the_slope() -> None:
    """A hundred thousand samples must not make five thousand million pairs."""
    xs = np.arange(100_000) / 1000
    slope = theil_sen(xs.tolist(), (100 * xs + 7).tolist())
    assert (slope.slope, slope.low, slope.high) == pytest.approx((100, 100, 100))


def test_a_flat_series_has_no_slope() -> None:
    """Ties everywhere leave no variance and no division by zero."""
    slope = theil_sen([0, 1, 2, 3], [5, 5, 5, 5])
    assert (slope.slope, slope.low, slope.high) == (0, 0, 0)


def test_two_points_give_their_slope() -> None:
    """The smallest case stays inside the array."""
    slope = theil_sen([0, 2], [0, 1])
    assert (slope.slope, slope.low, slope.high) == (0.5, 0.5, 0.5)


@pytest.mark.parametrize(("xs", "ys"), [([1, 2], [1]), ([1, 1], [1, 2]), ([], []), ([1], [1])])
def test_a_slope_of_too_little_is_refused(xs: list[float], ys: list[float]) -> None:
    """No number is better than an invented one."""
    with pytest.raises(ValueError, match=r"positions"):
        theil_sen(xs, ys)


@pytest.mark.parametrize("count", [6, 8, 10, 40])
@pytest.mark.parametrize("change", [0.0, 0.02, 0.3])
def test_the_p_value_of_pairs_is_that_of_scipy(count: int, change: float) -> None:
    """The exact two-sided Wilcoxon signed-rank test, on the logarithms."""
    from scipy.stats import wilcoxon

    generator = np.random.default_rng(count)
    before = generator.lognormal(0, 0.3, count)
    after = before * generator.lognormal(change, 0.05, count)
    expected = wilcoxon(np.log(after / before), method="exact").pvalue
    assert paired_ratio(before.tolist(), after.tolist()).p_value == pytest.approx(expected)


def test_eight_pairs_reach_the_known_p() -> None:
    """Of 256 sign patterns two are as extreme as all eight alike."""
    before = [1.0, 2.0, 3.0, 4.0, 5.0, 6.0, 7.0, 8.0]
    after = [1.1, 2.3, 3.4, 4.2, 5.9, 6.8, 7.7, 8.1]
    assert paired_ratio(before, after).p_value == pytest.approx(2 / 256)


def test_what_hits_both_of_a_pair_cancels() -> None:
    """The machine is up to three times slower from pair to pair, the ratio is known to 1 %."""
    generator = np.random.default_rng(1)
    speed = generator.uniform(1, 3, 10)
    before = (speed * generator.normal(1, 0.005, 10)).tolist()
    after = (1.15 * speed * generator.normal(1, 0.005, 10)).tolist()
    pairs = paired_ratio(before, after)
    assert 1.14 < pairs.low <= pairs.ratio <= pairs.high < 1.16


def test_two_disturbed_pairs_of_ten_hardly_count() -> None:
    """One side of a pair was hit alone: the estimate stays."""
    before = [1.0, 1.01, 0.99, 1.0, 1.02, 0.98, 1.0, 1.01, 1.0, 1.0]
    after = [1.0, 1.0, 1.0, 1.01, 1.0, 1.0, 0.99, 1.0, 1.8, 1.7]
    assert paired_ratio(before, after).ratio == pytest.approx(1, abs=0.02)


@pytest.mark.parametrize("count", [6, 20])
def test_the_interval_of_pairs_holds_the_truth_as_often_as_it_says(count: int) -> None:
    """Of 400 experiments with a true ratio of 1.1, 95 % and more: the exact interval is wider."""
    generator = np.random.default_rng(7)
    held = 0
    for _ in range(400):
        before = generator.lognormal(0, 0.2, count)
        after = 1.1 * before * generator.lognormal(0, 0.1, count)
        pairs = paired_ratio(before.tolist(), after.tolist())
        held += pairs.low <= 1.1 <= pairs.high
    assert held >= 0.935 * 400


def test_equal_measurements_are_no_change() -> None:
    """Not a single difference: certainly none."""
    pairs = paired_ratio([1.0] * 8, [1.0] * 8)
    assert (pairs.ratio, pairs.low, pairs.high, pairs.p_value) == (1.0, 1.0, 1.0, 1.0)


@pytest.mark.parametrize(
    ("before", "after", "said"),
    [
        ([1.0], [1.0, 2.0], "as many"),
        ([0.0] * 8, [1.0] * 8, "above zero"),
        ([1.0] * 5, [2.0] * 5, "too few"),
        ([], [], "too few"),
    ],
)
def test_a_ratio_of_nothing_is_refused(before: list[float], after: list[float], said: str) -> None:
    """Zero seconds cannot be divided by, and five pairs have no interval."""
    with pytest.raises(ValueError, match=said):
        paired_ratio(before, after)


def test_adjusted_p_values_are_those_of_the_textbook() -> None:
    """Values worked by hand from p * m / rank, made monotone from above, order kept."""
    assert benjamini_hochberg([0.04, 0.01, 0.03, 0.5]) == pytest.approx(
        [0.16 / 3, 0.04, 0.16 / 3, 0.5]
    )


def test_no_p_values_adjust_to_none() -> None:
    """A profile without functions is a valid profile."""
    assert benjamini_hochberg([]) == ()


def test_a_deviate_of_two_sigma_is_the_known_p() -> None:
    """The table's 1.96 is 5 %."""
    assert two_sided(-1.959964) == pytest.approx(0.05, abs=1e-6)


def test_the_module_does_not_load_scipy() -> None:
    """scipy.stats costs 2.5 s, which a leak analysis must not pay."""
    code = "import sys, dynogate.statistics; sys.exit('scipy' in sys.modules)"
    assert subprocess.run([sys.executable, "-c", code], check=False).returncode == 0
