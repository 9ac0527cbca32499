"""The gateway's processes: killed, stopped and started again."""

import signal
import time
from contextlib import suppress

import psutil

from chaos.actions.callers import NOTE as CALLERS
from chaos.rig import family
from chaos.rig.callers import Callers
from chaos.rig.processes import until
from chaos.rig.rig import current
from dynogate.errors import RigFailed

_GONE_WITHIN = 5.0


def kill_server() -> int:
    """SIGKILL one of the processes that serve; its pid.

    Raises:
        RigFailed: there is only one, or it is still there.
    """
    servers = family.servers()
    if len(servers) < 2:
        raise RigFailed("the gateway has no second process that serves: set workers to 2")
    victim = servers[0]
    current().notes |= {"victim": victim, "killed_at": time.monotonic()}
    victim.kill()
    if family.wait_until_gone([victim], _GONE_WITHIN):
        raise RigFailed(f"process {victim.pid} outlived its SIGKILL")
    return victim.pid


def kill_gateway(whole: bool = False) -> int:
    """SIGKILL the gateway's first process, and nothing else; its pid.

    Args:
        whole: the processes that serve, too, so that none of them can end in good order.

    Raises:
        RigFailed: one is still there.
    """
    gateway = current().gateway.process
    pid = gateway.pid
    members = family.members()
    killed = [members[0], *(family.servers() if whole else [])]
    current().notes |= {"family": members, "ended": killed}
    gateway.signal(signal.SIGKILL)
    for server in killed[1:]:
        with suppress(psutil.NoSuchProcess):
            server.kill()
    until(lambda: not gateway.running, f"process {pid} to be gone", _GONE_WITHIN)
    if left := family.wait_until_gone(killed, _GONE_WITHIN):
        raise RigFailed(f"{len(left)} processes outlived their SIGKILL")
    return pid


def stop_gateway(within: float) -> int:
    """SIGTERM the gateway, and wait for its end; its exit status.

    Raises:
        RigFailed: it took longer, and was killed.
    """
    notes = current().notes
    members = family.members()
    notes |= {"family": members, "ended": members[:1]}
    callers: Callers | None = notes.get(CALLERS)
    notes["in_flight"] = 0 if callers is None else len(callers.in_flight())
    status = current().gateway.process.stop(within)
    notes["exit_status"] = status
    if status == -signal.SIGKILL:
        raise RigFailed(f"the gateway did not end within {within:g} s")
    return status


def start_gateway() -> int:
    """Start the gateway where it does not run, and wait until it is ready; its pid.

    Raises:
        RigFailed: it could not start.
    """
    gateway = current().gateway
    if not gateway.process.running:
        gateway.start()
    return gateway.process.pid
