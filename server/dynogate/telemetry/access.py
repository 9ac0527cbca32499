"""The access log: a line for each request that is written down."""

import random
from collections.abc import Mapping
from typing import Any

from dynogate.telemetry.logs import get_logger

log = get_logger("dynogate.access")

_FAULT = 500


class AccessLog:
    """Writes a share of all requests down, and every one that ended in a server error.

    The query string is left out: clients in error put credentials there.
    """

    def __init__(self, share: float) -> None:
        self._share = share

    def tell(self, scope: Mapping[str, Any], way: str, status: int, seconds: float) -> None:
        """A request was answered, or its connection ended."""
        if status < _FAULT and random.random() >= self._share:  # noqa: S311 (a sample)
            return
        client = scope.get("client")
        log.info(
            "request",
            method=scope.get("method", "GET"),
            path=scope["path"][:200],
            transport=way,
            status=status,
            seconds=round(seconds, 6),
            client=client[0] if client else None,
        )
