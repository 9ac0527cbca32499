"""Faults as the wire shows them: raw round trips, with nothing of Dynogate's own between."""

import socket
import statistics
import time

from chaos.proof import Proof, proof
from chaos.rig.rig import current

_REQUEST = b"GET /health HTTP/1.1\r\nhost: 127.0.0.1\r\nconnection: close\r\n\r\n"


def slower(link: str, at_least: float, at_most: float, calls: int = 5) -> Proof:
    """Prove that a round trip through a link takes longer than the one around it.

    Args:
        link: of the rig, to the gateway.
        at_least: how much longer, in seconds.
        at_most: likewise.
        calls: of which the median is taken.
    """
    rig = current()
    through = statistics.median(round_trip(rig.port(link)) for _ in range(calls))
    around = statistics.median(round_trip(rig.gateway.port) for _ in range(calls))
    longer = through - around
    return proof(
        at_least <= longer <= at_most,
        f"a raw round trip through {link!r} took {through * 1e3:.0f} ms, around it "
        f"{around * 1e3:.1f} ms: {longer * 1e3:.0f} ms more "
        f"({at_least * 1e3:.0f} to {at_most * 1e3:.0f} ms were to be seen)",
        through=through,
        around=around,
        longer=longer,
    )


def round_trip(port: int, timeout: float = 10.0) -> float:
    """Seconds of one GET on a new connection, from its first byte to the whole answer."""
    with socket.create_connection(("127.0.0.1", port), timeout) as wire:
        start = time.perf_counter()
        wire.sendall(_REQUEST)
        while wire.recv(65536):
            pass
        return time.perf_counter() - start
