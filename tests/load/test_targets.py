"""The rules of a target's URL."""

import ssl

import pytest

from dynogate.errors import ConfigurationError
from dynogate.load.targets import target


@pytest.mark.parametrize(
    ("url", "transport", "full", "chosen"),
    [
        ("http://127.0.0.1:8000", None, "http://127.0.0.1:8000/mcp/tools/call", "rpc"),
        ("http://host/", "mcp", "http://host/mcp", "mcp"),
        ("http://host:1/a/mcp", None, "http://host:1/a/mcp", "mcp"),
        ("http://host/rpc?key=1", None, "http://host/rpc?key=1", "rpc"),
        ("https://host", "ws", "wss://host/ws", "ws"),
        ("ws://host/socket", None, "ws://host/socket", "ws"),
        ("wss://host", "rpc", "https://host/mcp/tools/call", "rpc"),
    ],
)
def test_urls_as_people_write_them(url: str, transport: str | None, full: str, chosen: str) -> None:
    """A path is kept; without one, the transport's own is added."""
    made = target(url, transport)  # type: ignore[arg-type]
    assert (made.url, made.transport) == (full, chosen)


def test_what_a_connection_needs() -> None:
    """Address, path, and what lies beside the endpoint."""
    made = target("https://[::1]:8443/x?y=1", verify=False)
    assert (made.hostname, made.port) == ("::1", 8443)
    assert made.shown == "https://[::1]:8443/x?..."
    assert made.path == "/x?y=1"
    assert made.base == "https://[::1]:8443"
    context = made.tls_context()
    assert context is not None
    assert context.verify_mode is ssl.CERT_NONE
    assert target("http://host").port == 80
    assert target("http://host").tls_context() is None
    assert target("https://host").port == 443
    assert target("https://host").shown == "https://host/mcp/tools/call"


@pytest.mark.parametrize(
    ("url", "why"),
    [
        ("localhost:8000", "no URL"),
        ("ftp://host", "no URL"),
        ("http://", "no URL"),
        ("http://host:99999", "no URL"),
        ("http://host:0", "no URL"),
        ("http://[::1", "no URL"),
        ("", "no URL"),
        ("http://me:secret@host", "use a header"),
        ("ftp://me:secret@host", "use a header"),
        ("http://host\\@other", "use a header"),
        ("http://ho st", "no URL"),
        ("http://hôst", "no URL"),
        ("http://host/a b", "percent-encode"),
        ("http://host/\x0b", "percent-encode"),
        ("http://[v1.x]", "no URL"),
    ],
)
def test_what_is_no_url(url: str, why: str) -> None:
    """Is told before anything is sent."""
    with pytest.raises(ConfigurationError, match=why):
        target(url)


def test_options_that_cannot_be() -> None:
    """Transport, timeout and headers are checked."""
    with pytest.raises(ConfigurationError, match="none of rpc"):
        target("http://host", "smtp")  # type: ignore[arg-type]
    for seconds in (0, -1, float("nan"), float("inf")):
        with pytest.raises(ConfigurationError, match="timeout"):
            target("http://host", timeout=seconds)
    for headers in ({"X": "a\r\nB: c"}, {"": "x"}, {"ä": "x"}, {"A: b": "c"}):
        with pytest.raises(ConfigurationError, match="header"):
            target("http://host", headers=headers)
