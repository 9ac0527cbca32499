"""What became of the gateway's processes."""

import time
from typing import Any

import httpx2
import psutil

from chaos.proof import Proof, proof
from chaos.rig import family
from chaos.rig.rig import current
from dynogate.errors import RigFailed
from dynogate.tls import NO_TLS

_GAZE = 0.05


def killed_server() -> Proof:
    """Prove that the process that was killed is gone, as the process table has it."""
    victim: psutil.Process = _noted("victim")
    gone = not family.alive([victim])
    return proof(gone, f"process {victim.pid}, which served, is {'gone' if gone else 'there'}")


def killed_gateway() -> Proof:
    """Prove that those of the gateway's processes that were killed or stopped are gone."""
    ended: list[psutil.Process] = _noted("ended")
    pids = ", ".join(str(each.pid) for each in ended)
    gone = not family.alive(ended)
    return proof(gone, f"of the gateway, {pids} {'are gone' if gone else 'are not all gone'}")


def left_behind(within: float) -> dict[str, float]:
    """How many processes of the gateway that was there are left, and for how long there were some.

    Args:
        within: seconds that they have to end.
    """
    start = time.monotonic()
    left = family.wait_until_gone(_noted("family"), within)
    return {"left": len(left), "seconds": time.monotonic() - start}


def new_server(within: float) -> dict[str, float]:
    """Seconds from the kill until another process serves in the place of the one killed.

    Each process says at ``/health`` how long it has been there; a new connection may meet any.

    Args:
        within: seconds to wait for it.

    Raises:
        RigFailed: there was none in time.
    """
    killed_at: float = _noted("killed_at")
    while (took := time.monotonic() - killed_at) < within:
        answer = httpx2.get(f"{current().gateway.url}/health", timeout=5, verify=NO_TLS)
        asked_at = time.monotonic()
        if asked_at - answer.json()["uptime_seconds"] > killed_at:
            return {"seconds": asked_at - killed_at}
        time.sleep(_GAZE)
    raise RigFailed(f"no new process served {took:.1f} s after the kill")


def exit_status() -> int:
    """That of the gateway that was stopped."""
    return int(_noted("exit_status"))


def _noted(what: str) -> Any:
    try:
        return current().notes[what]
    except KeyError:
        raise RigFailed(f"nothing was done yet that this could look at ({what})") from None
