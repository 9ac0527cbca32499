"""Leaks are found, health is left alone, and the words say which."""

import math
import re

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from benchmarks.leak_detection import judge
from dynogate.load.drift import DESCRIPTORS, LATENCY, RSS, find_drift
from dynogate.load.units import KB

SECONDS = np.arange(600.0)


def test_every_leak_of_ten_kilobytes_a_second_is_found() -> None:
    """Ten minutes suffice, among collector, arenas and start-up."""
    assert [drift.verdict for drift in judge(range(10), leak=10 * KB)] == ["growing"] * 10


def test_healthy_servers_raise_no_alarm() -> None:
    """An alarm that cries wolf is switched off."""
    assert {drift.verdict for drift in judge(range(10, 30), leak=0.0)} <= {"none", "shrinking"}


def test_the_words_give_the_rate_and_its_interval() -> None:
    """What an engineer reads first."""
    noise = np.random.default_rng(1).normal(0, 50 * KB, 600)
    drift = find_drift(SECONDS, 9.8 * KB * SECONDS + noise, RSS)
    assert re.fullmatch(r"leak: 9\.8\d KB/s \(9\.\d\d to 9\.\d\d\)", drift.text)


def test_no_drift_comes_with_what_could_have_been_found() -> None:
    """'Nothing found' means little without the size of what would have been found."""
    noise = np.random.default_rng(1).normal(0, 500 * KB, 600)
    drift = find_drift(SECONDS, noise, RSS)
    assert drift.verdict == "none"
    assert drift.text.startswith("no drift found; smallest detectable here: ")


def test_the_smallest_detectable_leak_is_detectable() -> None:
    """A leak of the size that a quiet run names is found in about nine of ten such runs."""
    generator = np.random.default_rng(5)
    quiet = [find_drift(SECONDS, generator.normal(0, 1e6, 600), RSS) for _ in range(40)]
    slope = float(np.median([drift.smallest_detectable or math.nan for drift in quiet]))
    found = [
        find_drift(SECONDS, slope * SECONDS + generator.normal(0, 1e6, 600), RSS).verdict
        for _ in range(40)
    ]
    assert found.count("growing") >= 32


def test_caches_that_fill_slowly_are_not_called_a_leak() -> None:
    """Growth that dies down within the run asks for a longer run, not for a bug report."""
    filling = 40e6 * (1 - np.exp(-SECONDS / 150)) + np.random.default_rng(2).normal(0, 1e5, 600)
    drift = find_drift(SECONDS, filling, RSS)
    assert drift.verdict == "settling"
    assert "longer run" in drift.text


def test_memory_given_back_is_no_leak() -> None:
    """A fall is told as one."""
    drift = find_drift(SECONDS, -20 * KB * SECONDS, RSS)
    assert drift.verdict == "shrinking"
    assert drift.text.startswith("shrinking: -20")


def test_leaked_descriptors_are_counted_by_the_minute() -> None:
    """One descriptor lost every ten seconds."""
    drift = find_drift(SECONDS, 40 + SECONDS // 10, DESCRIPTORS)
    assert drift.verdict == "growing"
    assert drift.text.startswith("leak: 6.00 a minute (")


def test_latency_that_creeps_up_is_slowing() -> None:
    """From 10 to 40 ms in ten minutes, with noise."""
    noise = np.random.default_rng(3).normal(0, 1e-3, 600)
    drift = find_drift(SECONDS, 0.010 + 5e-5 * SECONDS + noise, LATENCY)
    assert drift.verdict == "growing"
    assert drift.text.startswith("slowing: 3.0")
    assert "ms a minute" in drift.text


@pytest.mark.parametrize("readings", [0, 1, 45])
def test_few_readings_give_no_verdict(readings: int) -> None:
    """Rather nothing than a guess."""
    drift = find_drift(SECONDS[:readings], SECONDS[:readings], RSS)
    assert drift.verdict == "unknown"
    assert drift.text == "too few readings to tell: 40 are needed after the warm-up"


def test_readings_that_failed_are_left_out() -> None:
    """A scrape that timed out leaves NaN, not the end of the analysis."""
    values = 20.0 * KB * SECONDS
    values[::7] = math.nan
    assert find_drift(SECONDS, values, RSS).verdict == "growing"
    assert find_drift(SECONDS, np.full(600, math.nan), RSS).verdict == "unknown"


def test_times_and_values_must_go_together() -> None:
    """A mix-up of arrays is a fault of the caller."""
    with pytest.raises(ValueError, match="3 times do not go with 2 values"):
        find_drift([0, 1, 2], [1, 2], RSS)
    with pytest.raises(ValueError, match="must increase"):
        find_drift([0, 2, 1], [1, 2, 3], RSS)


@given(
    leak=st.floats(50 * KB, 1e7),
    level=st.floats(0, 1e10),
    seed=st.integers(0, 2**32 - 1),
)
def test_a_leak_well_above_the_noise_is_always_found(leak: float, level: float, seed: int) -> None:
    """Whatever the level of memory is, and wherever the noise falls."""
    noise = np.random.default_rng(seed).normal(0, 10 * KB, 600)
    drift = find_drift(SECONDS, level + leak * SECONDS + noise, RSS)
    assert drift.verdict == "growing"
    assert drift.slope == pytest.approx(leak, abs=50)


@given(values=st.lists(st.floats(0, 1e9), min_size=60, max_size=120))
def test_any_readings_have_a_verdict(values: list[float]) -> None:
    """Ends of the interval stay in order whatever is read."""
    drift = find_drift(list(range(len(values))), values, RSS)
    if drift.slope is not None and drift.low is not None and drift.high is not None:
        assert drift.low <= drift.slope <= drift.high
    assert drift.text
