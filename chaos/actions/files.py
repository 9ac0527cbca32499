"""The files that the gateway may have open."""

import resource

import httpx2

from chaos.probes.shortage import KEPT
from chaos.rig import family
from chaos.rig.rig import current
from dynogate.errors import RigFailed
from dynogate.tls import NO_TLS

_NOTE = "limit of files"


def keep_connection() -> int:
    """Open a connection to the gateway that later calls of ours use; its status.

    Raises:
        RigFailed: it was not served.
    """
    rig = current()
    client = httpx2.Client(limits=httpx2.Limits(max_connections=1), timeout=10, verify=NO_TLS)
    status = client.get(f"{rig.gateway.url}/health").status_code
    if status != 200:
        raise RigFailed(f"the gateway answers {status}")
    rig.notes[KEPT] = client
    return status


def limit(spare: int) -> int:
    """Let the gateway open no more than so many files besides those that it has; the limit.

    Raises:
        RigFailed: the limit is not what was set.
    """
    [server] = family.servers()
    before = resource.prlimit(server.pid, resource.RLIMIT_NOFILE)
    current().notes.setdefault(_NOTE, before)
    wanted = server.num_fds() + spare
    resource.prlimit(server.pid, resource.RLIMIT_NOFILE, (wanted, before[1]))
    seen, _ = resource.prlimit(server.pid, resource.RLIMIT_NOFILE)
    if seen != wanted:
        raise RigFailed(f"the limit of files should be {wanted}, and is {seen}")
    return wanted


def restore() -> int:
    """Let the gateway open as many files as in the beginning; the limit."""
    notes = current().notes
    kept: httpx2.Client | None = notes.pop(KEPT, None)
    if kept is not None:
        kept.close()
    pid = current().gateway.process.pid
    before: tuple[int, int] | None = notes.get(_NOTE)
    if before is not None:
        resource.prlimit(pid, resource.RLIMIT_NOFILE, before)
    return resource.prlimit(pid, resource.RLIMIT_NOFILE)[0]
