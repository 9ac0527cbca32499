"""The gateway's processes: its supervisor, the ones that serve, and what they started."""

import contextlib
import time
from collections.abc import Iterable

import psutil

from chaos.rig.rig import current


def members() -> list[psutil.Process]:
    """All of them, the first one first."""
    first = psutil.Process(current().gateway.process.pid)
    return [first, *first.children(recursive=True)]


def servers() -> list[psutil.Process]:
    """Those that serve: the first one where it is alone, otherwise what it spawned for that."""
    first = psutil.Process(current().gateway.process.pid)
    spawned = [child for child in first.children() if _serves(child)]
    return spawned or [first]


def _serves(child: psutil.Process) -> bool:
    """Whether it is one that ``multiprocessing`` spawned; its resource tracker is another."""
    with contextlib.suppress(psutil.Error):
        return "--multiprocessing-fork" in child.cmdline()
    return False


def resident_bytes() -> int:
    """Of those that serve."""
    return sum(int(each.memory_info().rss) for each in servers())


def alive(processes: Iterable[psutil.Process]) -> list[psutil.Process]:
    """Those that still run; one that has ended and waits to be told of does not."""
    return [each for each in processes if _runs(each)]


def _runs(process: psutil.Process) -> bool:
    try:
        return process.is_running() and process.status() != psutil.STATUS_ZOMBIE
    except psutil.Error:
        return False


def wait_until_gone(processes: Iterable[psutil.Process], seconds: float) -> list[psutil.Process]:
    """Wait for their end; those that are left."""
    deadline = time.monotonic() + seconds
    left = alive(processes)
    while left and time.monotonic() < deadline:
        time.sleep(0.02)
        left = alive(left)
    return left
