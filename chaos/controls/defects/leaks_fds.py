"""A connection that has ended is shut down, but never closed: its descriptor stays."""

import socket
from contextlib import suppress

from dynogate.tools.registry import Toolset
from dynogate.transports.protocol import HttpProtocol

toolset = Toolset("defect-leaks-fds")

_connection_lost = HttpProtocol.connection_lost
_kept: list[socket.socket] = []


def _lose(self: HttpProtocol, exc: Exception | None) -> None:
    kept = self.transport.get_extra_info("socket").dup()
    with suppress(OSError):  # the client's side is gone already
        kept.shutdown(socket.SHUT_RDWR)
    _kept.append(kept)
    _connection_lost(self, exc)


HttpProtocol.connection_lost = _lose  # type: ignore[method-assign]
