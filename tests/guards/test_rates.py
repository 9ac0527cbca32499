import pytest

from dynogate.errors import ConfigurationError
from dynogate.guards.rates import read_rates


def test_rates_are_read_in_the_notation_of_limits() -> None:
    """Several at once, each with a name of its own for the headers."""
    rates = read_rates("10/second; 300 per minute", "client", "DYNOGATE_RATE_LIMIT")
    assert [rate.policy for rate in rates] == ['"client-1s";q=10;w=1', '"client-60s";q=300;w=60']


def test_off_is_no_rate_at_all() -> None:
    """In any case."""
    assert read_rates(" OFF ", "client", "DYNOGATE_RATE_LIMIT") == ()


@pytest.mark.parametrize("text", ["", "ten", "0/second", "-1/second", "5/fortnight", "10"])
def test_a_wrong_rate_names_its_setting(text: str) -> None:
    """And shows what is right."""
    with pytest.raises(ConfigurationError, match=r"DYNOGATE_RATE_LIMIT: .*100/second"):
        read_rates(text, "client", "DYNOGATE_RATE_LIMIT")
