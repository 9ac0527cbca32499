"""The statistics of dynogate.profiling.statistics, checked against scipy and known tables."""

import subprocess
import sys

import numpy as np
import pytest

from dynogate.profiling.statistics import (
    benjamini_hochberg,
    mann_whitney,
    median_ratio,
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


def test_five_against_five_reach_the_known_p() -> None:
    """2 of the 252 orders are as extreme as complete separation."""
    assert mann_whitney([1, 2, 3, 4, 5], [6, 7, 8, 9, 10]) == pytest.approx(2 / 252)


def test_the_rank_test_needs_both_sides() -> None:
    """An empty side is an error, not a p-value."""
    with pytest.raises(ValueError, match="both sides"):
        mann_whitney([], [1.0])


def test_the_median_ratio_lies_inside_its_interval() -> None:
    """The interval surrounds the estimate and narrows around a clear change."""
    generator = np.random.default_rng(1)
    before = generator.normal(1, 0.02, 10).tolist()
    after = generator.normal(1.15, 0.02, 10).tolist()
    ratio = median_ratio(before, after)
    assert 1.1 < ratio.low <= ratio.ratio <= ratio.high < 1.2


def test_the_same_measurements_give_the_same_interval() -> None:
    """A verdict must not change when it is computed again."""
    before, after = [1.0, 1.2, 0.9, 1.1, 1.05], [1.3, 1.1, 1.4, 1.2, 1.25]
    assert median_ratio(before, after) == median_ratio(before, after)


@pytest.mark.parametrize(("before", "after"), [([], [1.0]), ([1.0], []), ([0.0], [1.0])])
def test_a_ratio_of_nothing_is_refused(before: list[float], after: list[float]) -> None:
    """Zero seconds cannot be divided by."""
    with pytest.raises(ValueError, match="above zero"):
        median_ratio(before, after)


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
    code = "import sys, dynogate.profiling.statistics; sys.exit('scipy' in sys.modules)"
    assert subprocess.run([sys.executable, "-c", code], check=False).returncode == 0
