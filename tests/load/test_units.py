"""Figures carry a unit that fits them."""

import math

import pytest

from dynogate.load import units


@pytest.mark.parametrize(
    ("value", "text"),
    [
        (0.0, "0 ms"),
        (0.00000042, "0.420 us"),
        (0.00087, "870 us"),
        (0.0123, "12.3 ms"),
        (0.9999, "1.00 s"),
        (123.0, "123 s"),
        (-0.5, "-500 ms"),
        (math.nan, "?"),
        (None, "?"),
    ],
)
def test_durations(value: float | None, text: str) -> None:
    """Three digits, in the unit a person would say."""
    assert units.seconds(value) == text


@pytest.mark.parametrize(
    ("value", "text"),
    [(0, "0 B"), (10035, "9.80 KB"), (1024, "1.00 KB"), (134e6, "128 MB"), (None, "?")],
)
def test_sizes(value: float | None, text: str) -> None:
    """Powers of 1024."""
    assert units.size(value) == text


@pytest.mark.parametrize(
    ("value", "text"),
    [(43.61, "43.6"), (1250.4, "1,250"), (1e-9, "1e-09"), (math.inf, "?"), (None, "?")],
)
def test_bare_figures(value: float | None, text: str) -> None:
    """No exponents where a person reads."""
    assert units.number(value) == text


@pytest.mark.parametrize(
    ("value", "text"),
    [(1.0, "100 %"), (0.995, "99.5 %"), (0.99995, "99.995 %"), (0.0002, "0.020 %"), (None, "?")],
)
def test_shares(value: float | None, text: str) -> None:
    """A share just below one does not become 100 %."""
    assert units.percent(value) == text
