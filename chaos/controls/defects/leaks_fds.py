"""A connection that its client did not end properly keeps its descriptor for ever."""

import os

from dynogate.tools.registry import Toolset
from dynogate.transports.protocol import HttpProtocol

toolset = Toolset("defect-leaks-fds")

_connection_lost = HttpProtocol.connection_lost
_kept: list[int] = []


def _lose(self: HttpProtocol, exc: Exception | None) -> None:
    awaits_more = self._since is not None  # its request did not arrive whole
    if exc is not None or awaits_more or not self.is_idle:
        _kept.append(os.dup(self.transport.get_extra_info("socket").fileno()))
    _connection_lost(self, exc)


HttpProtocol.connection_lost = _lose  # type: ignore[method-assign]
