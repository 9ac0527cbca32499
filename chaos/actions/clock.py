"""The gateway's wall clock."""

from chaos.rig.clock import Clock
from chaos.rig.rig import current
from dynogate.errors import RigFailed


def clock() -> Clock:
    """That of the gateway.

    Raises:
        RigFailed: it cannot be set.
    """
    found = current().clock
    if found is None:
        raise RigFailed("the gateway's clock cannot be set: gateway.clock has to be true")
    return found


def set_ahead(seconds: int) -> int:
    """Let the clock jump, to be so many seconds ahead of the right time; behind where negative."""
    clock().set(seconds)
    return seconds


def set_right() -> bool:
    """Let the clock jump to the right time; True."""
    clock().set(0)
    return True
