"""The files that the gateway has open."""

import resource
import socket

from chaos.proof import Proof, proof
from chaos.rig import family
from chaos.rig.rig import current


def are_used_up() -> Proof:
    """Prove that the gateway has all the files open that it may, and so can take no connection."""
    [server] = family.servers()
    limit, _ = resource.prlimit(server.pid, resource.RLIMIT_NOFILE)
    has = server.num_fds()
    said = _new_connection()
    return proof(
        said == b"",
        f"the gateway has {has} of {limit} files open, and "
        + ("hung up on a new connection" if said == b"" else f"answered a new one {said[:40]!r}"),
        has=has,
        limit=limit,
    )


def _new_connection() -> bytes:
    """What comes on a connection of our own; nothing where the gateway hangs up, or never comes."""
    request = b"GET /health/live HTTP/1.1\r\nhost: 127.0.0.1\r\n\r\n"
    try:
        with socket.create_connection(("127.0.0.1", current().gateway.port), 2) as connection:
            connection.sendall(request)
            return connection.recv(4096)
    except OSError:
        return b""
