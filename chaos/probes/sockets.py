"""What the gateway does with clients that keep it waiting."""

import time

from chaos.actions.sockets import NOTE
from chaos.proof import Proof, proof
from chaos.rig import family
from chaos.rig.bad_sockets import BadSockets
from chaos.rig.rig import current
from dynogate.errors import RigFailed

_LOOK_SEC = 0.05


def are_held(number: int, within: float = 2.0) -> Proof:
    """Prove that the gateway has taken the sockets, as the kernel's table of connections has it.

    Args:
        number: of them.
        within: seconds to wait for that.
    """
    deadline = time.monotonic() + within
    held = _opened().held()
    while sum(held.values()) < number and time.monotonic() < deadline:
        time.sleep(_LOOK_SEC)
        held = _opened().held()
    total = sum(held.values())
    each = ", ".join(f"{count} with {kind}" for kind, count in held.items())
    return proof(total >= number, f"{total} bad sockets are open ({each})", held=total)


def are_closed(within: float) -> dict[str, float]:
    """Whether the gateway lets go of each socket.

    Args:
        within: seconds to wait for that.

    Returns:
        ``held``: how many it never let go of; and for each kind the seconds of the slowest.
    """
    fates = _opened().fates(within)
    seconds: dict[str, float] = {kind: fate.slowest for kind, fate in fates.items()}
    return {"held": sum(fate.held for fate in fates.values()), **seconds}


def memory() -> dict[str, float]:
    """Megabytes of resident memory that the gateway has more than before the sockets came."""
    before = current().notes.get("rss")
    if before is None:
        raise RigFailed("no sockets were opened that this could be compared with")
    return {"grown_mb": (family.resident_bytes() - before) / 2**20}


def _opened() -> BadSockets:
    opened: BadSockets | None = current().notes.get(NOTE)
    if opened is None:
        raise RigFailed("no bad sockets are open")
    return opened
