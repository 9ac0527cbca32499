"""A whole load test as data: what, how much, for how long, and the bounds it is kept within."""

import math
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Literal
from urllib.parse import parse_qsl, urlsplit

import msgspec

from dynogate.load.calls import Call
from dynogate.load.targets import Target

Mode = Literal["concurrent", "sustained", "ramp_up", "breaking_point"]


@dataclass(frozen=True, slots=True, kw_only=True)
class Bounds:
    """What an operator lets a load test take.

    Attributes:
        max_rate: calls a second.
        max_connections: connections at once, and so callers of a closed loop.
        max_duration_sec: of the load.
        max_calls: in the whole test.
    """

    max_rate: float = 1000.0
    max_connections: int = 256
    max_duration_sec: float = 300.0
    max_calls: int = 200_000


class OutOfBounds(ValueError):
    """A plan asks for more than may be, or for what cannot be.

    Attributes:
        argument: which of its fields is at fault.
    """

    def __init__(self, argument: str, problem: str) -> None:
        super().__init__(problem)
        self.argument = argument


class Plan(msgspec.Struct, frozen=True, kw_only=True):
    """One load test.

    Attributes:
        mode: ``concurrent`` keeps a load for a while; ``sustained`` does, and looks for drift;
            ``ramp_up`` adds callers step by step; ``breaking_point`` looks for the rate at which
            the server stops keeping up.
        target: where to.
        calls: what; empty for the cheapest tool that the server lists.
        rate: calls a second of an open loop; of the search, the most. None for a closed loop.
        users: callers of a closed loop; of a ramp-up, the most. None for an open loop.
        duration: seconds of the load; of a ramp-up and a search, the most.
        step: seconds of each step of a ramp-up or search.
        requests: calls after which a closed loop ends before its time; None for no such number.
        max_error_rate: share of failed calls that is allowed.
        max_p99: seconds of the response time's p99 that are allowed; None for no limit.
        min_rps: successes a second that are asked for; None for no limit.
        max_calls: in all.
        max_connections: at once.
        max_rate: calls a second of all callers together.
    """

    mode: Mode
    target: Target
    calls: tuple[Call, ...]
    rate: float | None
    users: int | None
    duration: float
    step: float
    requests: int | None
    max_error_rate: float
    max_p99: float | None
    min_rps: float | None
    max_calls: int
    max_connections: int
    max_rate: float

    def at(self, target: Target) -> "Plan":
        """The same for ``target``."""
        return msgspec.structs.replace(self, target=target)

    @property
    def options(self) -> dict[str, str | float | int | bool | None]:
        """What was asked for, as the report tells it: of the arguments only their names."""
        call = self.calls[0] if self.calls else None
        told: dict[str, str | float | int | bool | None] = {
            "mode": self.mode,
            "tool": call.tool if call else None,
            "arguments": ", ".join(sorted(call.arguments)) if call and call.arguments else None,
            "rate": self.rate,
            "concurrency": self.users,
            "duration": self.duration,
            "step_duration": self.step if self.mode in {"ramp_up", "breaking_point"} else None,
            "requests": self.requests,
            "max_error_rate": self.max_error_rate,
            "max_p99": self.max_p99,
            "min_rps": self.min_rps,
        }
        return {name: value for name, value in told.items() if value is not None}

    @property
    def secrets(self) -> tuple[str, ...]:
        """What must never be told: what headers, the query and arguments hold; longest first."""
        given = [value for _, value in parse_qsl(urlsplit(self.target.url).query)]
        given += self.target.headers.values()
        given += (text for call in self.calls for text in _texts(call.arguments))
        words = (word for value in given for word in (value, *value.split()))
        return tuple(sorted({word for word in words if len(word) >= 4}, key=len, reverse=True))


def _texts(value: object) -> Iterator[str]:
    """Every string in a JSON value, but for the names in objects."""
    if isinstance(value, str):
        yield value
    elif isinstance(value, dict):
        yield from (text for each in value.values() for text in _texts(each))
    elif isinstance(value, list):
        yield from (text for each in value for text in _texts(each))


def check(plan: Plan, bounds: Bounds) -> None:
    """See that a plan makes sense and stays within bounds.

    Raises:
        OutOfBounds: it does not.
    """
    _check_loop(plan)
    _at_most("rate", plan.rate, bounds.max_rate, "DYNOGATE_LOAD_MAX_RATE", " calls a second")
    _at_most("concurrency", plan.users, bounds.max_connections, "DYNOGATE_LOAD_MAX_CONNECTIONS")
    longest = bounds.max_duration_sec
    _at_most("duration_seconds", plan.duration, longest, "DYNOGATE_LOAD_MAX_DURATION_SEC", " s")
    _at_most("requests", plan.requests, bounds.max_calls, "DYNOGATE_LOAD_MAX_CALLS", " calls")
    if plan.mode in {"concurrent", "sustained"} and plan.rate is not None:
        calls = math.ceil(plan.rate * plan.duration)
        _at_most("duration_seconds", calls, bounds.max_calls, "DYNOGATE_LOAD_MAX_CALLS", " calls")
    if plan.mode in {"ramp_up", "breaking_point"} and plan.step > plan.duration:
        raise OutOfBounds(
            "step_seconds", f"is {plan.step:g}, longer than the whole test of {plan.duration:g} s"
        )


def _check_loop(plan: Plan) -> None:
    if plan.rate is not None and plan.users is not None:
        raise OutOfBounds(
            "rate", "and 'concurrency' exclude each other: calls come at a rate, or from callers"
        )
    if plan.mode == "ramp_up" and plan.rate is not None:
        raise OutOfBounds(
            "rate", "does not go with ramp_up, which adds callers; breaking_point raises a rate"
        )
    if plan.mode == "breaking_point" and plan.users is not None:
        raise OutOfBounds(
            "concurrency", "does not go with breaking_point, which raises a rate; see ramp_up"
        )
    if plan.requests is not None and (plan.mode != "concurrent" or plan.users is None):
        raise OutOfBounds("requests", "goes with 'concurrency' and mode 'concurrent' only")


def _at_most(argument: str, value: float | None, most: float, setting: str, unit: str = "") -> None:
    if value is not None and value > most:
        raise OutOfBounds(
            argument, f"asks for {value:g}{unit}, and this gateway allows {most:g} ({setting})"
        )
