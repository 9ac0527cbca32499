"""What HTTP clients need before they can ask anything."""

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
