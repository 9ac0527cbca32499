"""The limits themselves."""

import pytest

from dynogate.jobs.limits import Limits


def test_a_limit_must_be_positive() -> None:
    """The message names the limit."""
    with pytest.raises(ValueError, match="memory_mb must be positive, not 0"):
        Limits(memory_mb=0)


def test_no_grace_time_is_allowed() -> None:
    """To kill without asking is a choice."""
    assert Limits(grace_sec=0).grace_sec == 0
