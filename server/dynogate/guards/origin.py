"""Which Host and Origin headers are served.

A browser lets any page send requests to loopback addresses; without these checks a page could
run code through a gateway that trusts its machine (DNS rebinding; MCP, ``basic/transports``,
"Security Warning").
"""

from urllib.parse import urlsplit

from dynogate.errors import ForbiddenOrigin, InvalidRequest
from dynogate.settings import Settings, is_loopback
from dynogate.wire.fields import Fields

_REMEMBERED = 256  # pairs that were found good; a client sends the same one each time
_ONCE = frozenset({b"host", b"origin"})


class OriginGuard:
    """Lets requests through whose Host and Origin name this gateway."""

    def __init__(self, settings: Settings) -> None:
        self._any = "*" in settings.allowed_hosts
        self._seen: set[tuple[bytes | None, bytes | None]] = set()
        self._names = frozenset(name.lower() for name in (settings.host, *settings.allowed_hosts))

    def check(self, fields: Fields) -> None:
        """Look at the header fields of one request.

        Raises:
            InvalidRequest: there are two of one of them (RFC 9112, section 3.2).
            ForbiddenOrigin: Host or Origin is not one of ours.
        """
        repeated = fields.repeated and fields.repeated & _ONCE
        if repeated:
            name = min(repeated).decode().capitalize()
            raise InvalidRequest(f"the request has more than one {name} header")
        if self._any:
            return
        host, origin = pair = fields.get(b"host"), fields.get(b"origin")
        if pair in self._seen:
            return
        if host is not None:
            self._require("Host", f"//{host.decode('latin-1')}")
        if origin is not None:
            self._require("Origin", origin.decode("latin-1"))
        if len(self._seen) < _REMEMBERED:
            self._seen.add(pair)

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
