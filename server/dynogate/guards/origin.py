"""Which Host and Origin headers are served.

A browser lets any page send requests to loopback addresses; without these checks a page could
run code through a gateway that trusts its machine (DNS rebinding; MCP, ``basic/transports``,
"Security Warning").
"""

from collections.abc import Sequence
from urllib.parse import urlsplit

from dynogate.errors import ForbiddenOrigin, InvalidRequest
from dynogate.settings import Settings, is_loopback

_REMEMBERED = 256  # headers that were found good; a client sends the same ones each time


class OriginGuard:
    """Lets requests through whose Host and Origin name this gateway."""

    def __init__(self, settings: Settings) -> None:
        self._any = "*" in settings.allowed_hosts
        self._seen: set[tuple[bytes, bytes]] = set()
        self._names = frozenset(name.lower() for name in (settings.host, *settings.allowed_hosts))

    def check(self, headers: Sequence[tuple[bytes, bytes]]) -> None:
        """Look at the raw ASGI headers of one request.

        Raises:
            InvalidRequest: there are two of one of them (RFC 9112, section 3.2).
            ForbiddenOrigin: Host or Origin is not one of ours.
        """
        host = origin = False
        for header in headers:
            name = header[0]
            if name == b"host":
                if host:
                    raise InvalidRequest("the request has more than one Host header")
                host = True
            elif name == b"origin":
                if origin:
                    raise InvalidRequest("the request has more than one Origin header")
                origin = True
            else:
                continue
            if header not in self._seen and not self._any:
                self._look_at(header)

    def _look_at(self, header: tuple[bytes, bytes]) -> None:
        name, value = header[0], header[1].decode("latin-1")
        if name == b"host":
            self._require("Host", f"//{value}")
        else:
            self._require("Origin", value)
        if len(self._seen) < _REMEMBERED:
            self._seen.add(header)

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
