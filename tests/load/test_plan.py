"""What a load test may ask for."""

from typing import Any

import pytest

from dynogate.load.calls import Call
from dynogate.load.plan import Bounds, OutOfBounds, check
from dynogate.load.targets import target
from tests.load.plans import plan

BOUNDS = Bounds(max_rate=100, max_connections=20, max_duration_sec=60, max_calls=2000)


@pytest.mark.parametrize(
    ("fields", "argument", "setting"),
    [
        ({"users": None, "rate": 101.0, "requests": None}, "rate", "DYNOGATE_LOAD_MAX_RATE"),
        ({"users": 21}, "concurrency", "DYNOGATE_LOAD_MAX_CONNECTIONS"),
        ({"duration": 61.0}, "duration_seconds", "DYNOGATE_LOAD_MAX_DURATION_SEC"),
        ({"requests": 2001}, "requests", "DYNOGATE_LOAD_MAX_CALLS"),
        (
            {"users": None, "rate": 100.0, "duration": 21.0, "requests": None},
            "duration_seconds",
            "DYNOGATE_LOAD_MAX_CALLS",
        ),
        ({"rate": 1.0}, "rate", "exclude each other"),
        ({"mode": "ramp_up", "users": None, "rate": 1.0}, "rate", "breaking_point"),
        ({"mode": "breaking_point"}, "concurrency", "ramp_up"),
        ({"mode": "sustained"}, "requests", "mode 'concurrent' only"),
        ({"mode": "ramp_up", "requests": None, "step": 6.0}, "step_seconds", "longer than"),
    ],
)
def test_what_is_too_much_or_makes_no_sense(
    fields: dict[str, Any], argument: str, setting: str
) -> None:
    """Names the argument, and the setting that limits it."""
    with pytest.raises(OutOfBounds, match=setting) as caught:
        check(plan(**fields), BOUNDS)
    assert caught.value.argument == argument


@pytest.mark.parametrize(
    "fields",
    [
        {},
        {"users": None, "rate": 100.0, "duration": 20.0, "requests": None},
        {"mode": "ramp_up", "requests": None},
        {"mode": "breaking_point", "users": None, "rate": 100.0, "requests": None},
        {"mode": "sustained", "users": 20, "duration": 60.0, "requests": None},
    ],
)
def test_what_is_within_bounds(fields: dict[str, Any]) -> None:
    """Up to the very limits."""
    check(plan(**fields), BOUNDS)


def test_what_a_report_tells_of_a_plan_holds_no_secret() -> None:
    """Names of arguments without their values, and no header."""
    to = target("http://127.0.0.1/mcp?key=s3cret1", headers={"Authorization": "Bearer s3cret2"})
    made = plan(target=to, calls=(Call("find", {"token": ["s3cret3"], "age": 3}),))
    assert made.options["arguments"] == "age, token"
    assert "s3cret" not in str(made.options)
    assert {"s3cret1", "s3cret2", "Bearer s3cret2", "s3cret3"} <= set(made.secrets)
