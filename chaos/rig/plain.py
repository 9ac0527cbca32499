"""HTTP clients that cost next to nothing to make."""

import httpx2

from dynogate.tls import NO_TLS


def own_connections() -> httpx2.Client:
    """A client that opens a connection for each request."""
    return httpx2.Client(limits=httpx2.Limits(max_keepalive_connections=0), verify=NO_TLS)
