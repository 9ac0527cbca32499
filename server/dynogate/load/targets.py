"""Where the load goes, and how: the URL's rules, transport, headers, limits. No I/O."""

import math
import re
import ssl
from typing import get_args
from urllib.parse import SplitResult, urlsplit, urlunsplit

import msgspec

from dynogate.errors import ConfigurationError
from dynogate.load.calls import MODERN, Transport

_PATHS: dict[Transport, str] = {"rpc": "/mcp/tools/call", "mcp": "/mcp", "ws": "/ws"}
_SCHEMES = {"http", "https", "ws", "wss"}
# Nothing that two parsers of URLs could take for two different hosts.
_HOST = re.compile(r"([A-Za-z0-9._-]+|\[[0-9A-Fa-f:.]+(%[A-Za-z0-9._-]+)?\])(:\d*)?")
_TOKEN = re.compile(r"[!#$%&'*+.^_`|~0-9A-Za-z-]+")  # RFC 9110, 5.6.2


class Target(msgspec.Struct, frozen=True):
    """A server under load. Make it with ``target``, which checks.

    Attributes:
        url: the endpoint itself, with its path.
        transport: rpc, mcp or ws.
        headers: sent with every request (authentication, for one).
        timeout: seconds after which a call has failed.
        verify: whether the server's certificate is checked.
        addresses: IP addresses to connect to, whatever the URL's name resolves to meanwhile;
            empty to resolve it.
        era: the MCP version to speak over mcp, once the handshake has found out.
    """

    url: str
    transport: Transport
    headers: dict[str, str] = {}
    timeout: float = 30.0
    verify: bool = True
    addresses: tuple[str, ...] = ()
    era: str = MODERN

    @property
    def shown(self) -> str:
        """The URL for reports and messages: a query may hold a secret."""
        whole, query, _ = self.url.partition("?")
        return f"{whole}?..." if query else whole

    @property
    def host(self) -> str:
        """Host and port, as the Host header has it."""
        return urlsplit(self.url).netloc

    @property
    def hostname(self) -> str:
        """The host without its port, as certificates name it."""
        return urlsplit(self.url).hostname or ""

    @property
    def port(self) -> int:
        """The port to connect to."""
        return urlsplit(self.url).port or (443 if self.tls else 80)

    @property
    def path(self) -> str:
        """Path and query, as the request line has it."""
        parts = urlsplit(self.url)
        return urlunsplit(("", "", parts.path or "/", parts.query, ""))

    @property
    def tls(self) -> bool:
        """Whether the connection is encrypted."""
        return urlsplit(self.url).scheme in {"https", "wss"}

    @property
    def base(self) -> str:
        """Scheme and host over HTTP, for what lies beside the endpoint (``/metrics``)."""
        return f"{'https' if self.tls else 'http'}://{self.host}"

    def tls_context(self) -> ssl.SSLContext | None:
        """The TLS settings, or None without TLS."""
        if not self.tls:
            return None
        context = ssl.create_default_context()
        if not self.verify:
            context.check_hostname = False
            context.verify_mode = ssl.CERT_NONE
        return context


def target(
    url: str,
    transport: Transport | None = None,
    *,
    headers: dict[str, str] | None = None,
    timeout: float = 30.0,
    verify: bool = True,
) -> Target:
    """A target of a URL as people write it.

    A URL without a path gets that of the transport (``/mcp/tools/call``, ``/mcp`` or ``/ws``); one
    with a path is taken as it is. Without a transport, ``ws:`` means ws, a path that ends in
    ``/mcp`` means mcp, everything else rpc.

    Raises:
        ConfigurationError: no URL of a web server, an unknown transport, a header or a timeout
            that cannot be.
    """
    parts = _split(url)
    chosen = transport or _guess(parts.scheme, parts.path)
    if chosen not in get_args(Transport):
        raise ConfigurationError(f"the transport {chosen!r} is none of rpc, mcp, ws")
    if not (math.isfinite(timeout) and timeout > 0):
        raise ConfigurationError(f"a timeout of {timeout} s cannot be: must be over 0")
    for name, value in (headers or {}).items():
        if not (_TOKEN.fullmatch(name) and value.isprintable()):
            raise ConfigurationError(
                f"the header {name!r} has characters that a header cannot have"
            )
    secure = parts.scheme in {"https", "wss"}
    scheme = ("wss" if secure else "ws") if chosen == "ws" else ("https" if secure else "http")
    path = parts.path if parts.path not in {"", "/"} else _PATHS[chosen]
    return Target(
        url=urlunsplit((scheme, parts.netloc, path, parts.query, "")),
        transport=chosen,
        headers=dict(headers or {}),
        timeout=timeout,
        verify=verify,
    )


def _split(url: str) -> SplitResult:
    try:
        parts = urlsplit(url)
        port = parts.port
    except ValueError as error:
        raise ConfigurationError(f"{url!r} is no URL: {error}") from error
    if parts.username is not None or parts.password is not None:
        raise ConfigurationError("a URL with a password would end up in the report; use a header")
    if parts.scheme not in _SCHEMES or not _HOST.fullmatch(parts.netloc) or port == 0:
        raise ConfigurationError(f"{url!r} is no URL of a server; try http://127.0.0.1:8000")
    if not (url.isascii() and url.isprintable()) or " " in url:
        raise ConfigurationError(f"{url!r} is no URL: percent-encode what is not plain ASCII")
    return parts


def _guess(scheme: str, path: str) -> Transport:
    if scheme in {"ws", "wss"}:
        return "ws"
    return "mcp" if path.rstrip("/").endswith("/mcp") else "rpc"
