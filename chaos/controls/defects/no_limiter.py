"""Rate limits that count nothing and refuse nobody."""

from dynogate.guards.rate_limit import RateLimit
from dynogate.tools.registry import Toolset

toolset = Toolset("defect-no-limiter")


async def _take(self: RateLimit, share: str, client_id: str | None = None) -> None:
    """Let everybody pass."""


RateLimit.take = _take  # type: ignore[method-assign]
