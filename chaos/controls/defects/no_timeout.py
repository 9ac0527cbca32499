"""Calls have no end: neither the gateway's own deadline holds, nor the one a client asks for."""

from collections.abc import Generator
from typing import Any, TypeVar

from dynogate.guards.admission import Admission
from dynogate.guards.deadline import rest
from dynogate.tools.registry import Toolset

T = TypeVar("T")

toolset = Toolset("defect-no-timeout")


async def _finish(
    self: Admission,
    name: str,
    steps: Generator[Any, Any, T],
    blocker: object,
    asked_sec: float | None,
) -> T:
    return await rest(steps, blocker)


Admission._finish = _finish  # type: ignore[method-assign]
