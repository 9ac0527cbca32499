"""Nothing has an end: no call, whoever set its deadline, and nothing asked of an upstream."""

from collections.abc import Generator
from dataclasses import replace
from typing import Any, TypeVar

from dynogate.guards.admission import Admission
from dynogate.guards.deadline import rest
from dynogate.resilience.http import Upstream
from dynogate.resilience.policy import Policy
from dynogate.tools.registry import Toolset

T = TypeVar("T")

toolset = Toolset("defect-no-timeout")

_FOR_EVER_SEC = 86_400.0

_begin = Upstream.__init__


def _patient(self: Upstream, name: str, url: str, policy: Policy, **options: Any) -> None:
    _begin(self, name, url, replace(policy, timeout_sec=_FOR_EVER_SEC), **options)


async def _finish(
    self: Admission,
    name: str,
    steps: Generator[Any, Any, T],
    blocker: object,
    asked_sec: float | None,
) -> T:
    return await rest(steps, blocker)


Upstream.__init__ = _patient  # type: ignore[method-assign]
Admission._finish = _finish  # type: ignore[method-assign]
