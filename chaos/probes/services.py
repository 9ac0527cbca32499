"""Faults of what the gateway depends on, as the wire shows them: raw requests, nothing of ours."""

import socket
import time

from chaos.proof import Proof, proof
from chaos.rig.rig import current

_HELLO = {
    "redis": b"PING\r\n",
    "postgres": b"\x00\x00\x00\x08\x04\xd2\x16\x2f",  # SSLRequest: answered with one byte
    "upstream": b"GET /counts HTTP/1.1\r\nhost: 127.0.0.1\r\n\r\n",
    "issuer": b"GET /counts HTTP/1.1\r\nhost: 127.0.0.1\r\n\r\n",
}
"""What each service answers at once, whoever asks."""


def silent(link: str, seconds: float = 0.5) -> Proof:
    """Prove that a service takes connections through its link and answers nothing.

    Args:
        link: of the rig, to a service.
        seconds: that an answer is waited for; the service itself answers within them.
    """
    there = current().toxiproxy.links[link]
    through = _first_answer(there.port, _HELLO[link], seconds)
    around = _first_answer(there.upstream, _HELLO[link], seconds)
    return proof(
        through is None and around is not None,
        f"a raw request through {link!r} had {_told(through)} within {seconds:g} s, "
        f"around it {_told(around)}",
        around=around or 0.0,
    )


def refused(link: str) -> Proof:
    """Prove that a link takes no connections."""
    there = current().toxiproxy.links[link]
    try:
        socket.create_connection(("127.0.0.1", there.port), 2).close()
    except ConnectionRefusedError:
        return proof(True, f"a connection through {link!r} was refused")
    except TimeoutError:
        return proof(False, f"a connection through {link!r} was neither taken nor refused")
    return proof(False, f"a connection through {link!r} was taken")


def delayed(link: str, at_least: float, seconds: float = 5.0) -> Proof:
    """Prove that a service's first answer through its link takes longer than around it.

    Args:
        link: of the rig, to a service.
        at_least: how much longer, in seconds.
        seconds: that an answer is waited for.
    """
    there = current().toxiproxy.links[link]
    through = _first_answer(there.port, _HELLO[link], seconds)
    around = _first_answer(there.upstream, _HELLO[link], seconds)
    return proof(
        through is not None and around is not None and through - around >= at_least,
        f"a raw request through {link!r} had {_told(through)}, around it {_told(around)}",
        through=through or 0.0,
        around=around or 0.0,
    )


def _first_answer(port: int, hello: bytes, seconds: float) -> float | None:
    """Seconds until the first byte of an answer; None where none came in time."""
    with socket.create_connection(("127.0.0.1", port), seconds) as wire:
        start = time.perf_counter()
        wire.sendall(hello)
        try:
            return time.perf_counter() - start if wire.recv(1) else None
        except TimeoutError:
            return None


def _told(seconds: float | None) -> str:
    return "no answer" if seconds is None else f"one after {seconds * 1e3:.1f} ms"
