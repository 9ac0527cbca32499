"""Clients that keep the gateway waiting."""

from chaos.rig import family
from chaos.rig.bad_sockets import BadSockets, Kind
from chaos.rig.rig import current

NOTE = "bad sockets"


def open_bad(kinds: dict[Kind, int]) -> int:
    """Open so many sockets of each kind; how many there are.

    Raises:
        RigFailed: there is no such kind, or the gateway did not take them.
    """
    rig = current()
    rig.notes["rss"] = family.resident_bytes()
    rig.notes[NOTE] = BadSockets(kinds, rig.gateway.port)
    return sum(kinds.values())


def close_bad() -> bool:
    """Close those that are still open; True."""
    opened: BadSockets | None = current().notes.pop(NOTE, None)
    if opened is not None:
        opened.close()
    return True
