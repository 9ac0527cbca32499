"""The disk of the gateway's data, written to by ourselves."""

import errno
import os

from chaos.proof import Proof, proof
from chaos.rig.rig import current
from dynogate.errors import RigFailed


def refuses(error: str) -> Proof:
    """Prove that a write of our own on the gateway's disk fails.

    Args:
        error: with which error, by its name in errno.h.
    """
    gateway = current().gateway
    if gateway.volume is None:
        raise RigFailed("the gateway has no disk of its own: set gateway.volume_mb")
    got = gateway.volume.refusal(gateway.process.pid)
    said = f"{errno.errorcode.get(got, got)}, {os.strerror(got)}" if got else "success"
    return proof(
        errno.errorcode.get(got) == error,
        f"a write of our own on the gateway's disk ended with {said}",
    )
