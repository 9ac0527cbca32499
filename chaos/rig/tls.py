"""HTTP clients that cost next to nothing to make."""

import functools
import ssl

import httpx2


@functools.cache
def tls() -> ssl.SSLContext:
    """The system's certificates, read once.

    Reading them takes 0.1 s of a core: a probe that did so for each request would be a load that
    the gateway has to share the machine with.
    """
    return httpx2.create_ssl_context()


def own_connections() -> httpx2.Client:
    """A client that opens a connection for each request."""
    return httpx2.Client(limits=httpx2.Limits(max_keepalive_connections=0), verify=tls())
