"""What became of calls that were accounted for."""

from chaos.actions.callers import NOTE
from chaos.rig.callers import Callers
from chaos.rig.rig import current
from dynogate.errors import RigFailed


def account() -> dict[str, float]:
    """How many calls there were: ``sent``, ``answered``, and ``lost``: executed, not answered.

    Raises:
        RigFailed: there were no callers.
    """
    callers: Callers | None = current().notes.get(NOTE)
    if callers is None:
        raise RigFailed("no callers were started")
    callers.stop()
    lost = callers.executed() - callers.answered
    return {
        "sent": len(callers.sent),
        "answered": len(callers.answered),
        "lost": len(lost),
        "in_flight": current().notes["in_flight"],
    }
