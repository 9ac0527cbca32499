"""What is written down about jobs, and by whom."""

import os
import socket
from collections.abc import Callable
from pathlib import Path
from typing import Protocol

from dynogate.jobs.warden import processes

_BOOT_ID = Path("/proc/sys/kernel/random/boot_id")


class JobRecords(Protocol):
    """Durable records of jobs; states are queued, running, done, failed, cancelled and lost.

    The queue calls it from threads other than the event loop's, for one job in order.
    """

    def created(self, job_id: str, kind: str, principal: str, owner: str) -> object:
        """A job was accepted and waits; ``owner`` is the process that holds it."""

    def started(self, job_id: str) -> object:
        """It runs."""

    def ended(self, job_id: str, state: str, reason: str | None) -> object:
        """It is done, failed or cancelled; the reason where it is not done."""

    def lost(self, owner_is_alive: Callable[[str], bool | None]) -> int:
        """Mark queued and running jobs of dead owners as lost; returns how many there were."""


def _process(pid: int) -> str | None:
    """A name for a process that no other on this machine ever has, or None if it is gone."""
    ticks = processes.start_ticks(pid)
    return None if ticks is None else f"{pid}:{_BOOT_ID.read_text()[:8]}.{ticks}"


def this_owner() -> str:
    """This process as ``host:pid:start``; the start is a boot of the machine and ticks since."""
    return f"{socket.gethostname()}:{_process(os.getpid())}"


def owner_is_alive(owner: str) -> bool | None:
    """Whether the process that wrote this owner string still runs; None where nobody knows.

    Nobody does of a process of another host. Containers that are to take over each other's jobs
    need one fixed host name.
    """
    host, _, process = owner.partition(":")
    pid = process.partition(":")[0]
    if host != socket.gethostname():
        return None
    if not pid.isdigit():
        return False
    return processes.is_running(int(pid)) and process == _process(int(pid))
