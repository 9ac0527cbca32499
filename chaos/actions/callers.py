"""Callers that account for each of their calls."""

from chaos.rig.callers import Callers
from chaos.rig.processes import until
from chaos.rig.rig import current
from chaos.work import EXECUTED

NOTE = "callers"


def start_callers(number: int, seconds: float) -> int:
    """Let so many callers call, each call of which takes so many seconds; how many are under way.

    Raises:
        RigFailed: not all of them are served.
    """
    rig = current()
    callers = Callers(rig.gateway.port, rig.gateway.data.with_name(EXECUTED), number, seconds)
    rig.notes[NOTE] = callers
    until(lambda: len(callers.in_flight()) >= number // 2, "calls in flight", 10)
    return len(callers.in_flight())


def stop_callers() -> bool:
    """Let them call no more; True."""
    callers: Callers | None = current().notes.get(NOTE)
    if callers is not None:
        callers.stop()
    return True
