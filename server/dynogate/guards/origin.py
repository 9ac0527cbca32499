"""Which Host and Origin headers are served.

A browser lets any page send requests to loopback addresses; without these checks a page could
run code through a gateway that trusts its machine (DNS rebinding; MCP, ``basic/transports``,
"Security Warning").
"""

from collections.abc import Sequence
from urllib.parse import urlsplit

from dynogate.errors import ForbiddenOrigin
from dynogate.settings import Settings, is_loopback


class OriginGuard:
    """Lets requests through whose Host and Origin name this gateway."""

    def __init__(self, settings: Settings) -> None:
        self._any = "*" in settings.allowed_hosts
        self._names = frozenset(name.lower() for name in (settings.host, *settings.allowed_hosts))

    def check(self, headers: Sequence[tuple[bytes, bytes]]) -> None:
        """Look at the raw ASGI headers of one request.

        Raises:
            ForbiddenOrigin: Host or Origin is not one of ours.
        """
        if self._any:
            return
        for name, value in headers:
            if name == b"host":
                self._require("Host", f"//{value.decode('latin-1')}")
            elif name == b"origin":
                self._require("Origin", value.decode("latin-1"))

    def _require(self, header: str, url: str) -> None:
        try:
            host = urlsplit(url).hostname or ""
        except ValueError:
            host = ""
        if host in self._names or is_loopback(host):
            return
        raise ForbiddenOrigin(
            f"{header} {url.removeprefix('//')[:200]!r} is not served here; add its name to "
            "DYNOGATE_ALLOWED_HOSTS if it should be"
        )
