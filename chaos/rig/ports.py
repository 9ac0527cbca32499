"""Ports for servers of experiments and tests."""

import random
import socket


def free_port() -> int:
    """A port that nothing uses.

    It lies below those that systems hand out for outgoing connections, so that none of them takes
    it before the server does.
    """
    while True:
        port = random.randrange(12_000, 30_000)  # noqa: S311  # no secret
        try:
            with socket.create_server(("127.0.0.1", port)):
                return port
        except OSError:
            continue


def free_address() -> str:
    """An address of loopback that, most likely, nothing uses: Linux has all of 127.0.0.0/8."""
    return ".".join(map(str, (127, *(random.randrange(1, 255) for _ in range(3)))))  # noqa: S311
