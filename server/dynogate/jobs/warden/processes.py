"""Processes as /proc shows them: who descends from whom, and what memory they hold.

A process may end at any moment, so what cannot be read is simply not there any more.
"""

import os
import signal
from collections.abc import Iterable

_PAGE_BYTES = os.sysconf("SC_PAGE_SIZE")
_MIB = 2**20


def _read(path: str) -> bytes:
    try:
        fd = os.open(path, os.O_RDONLY | os.O_CLOEXEC)
    except OSError:
        return b""
    try:
        parts = []
        while part := os.read(fd, 65536):
            parts.append(part)
        return b"".join(parts)
    except OSError:
        return b""
    finally:
        os.close(fd)


def _names(folder: str) -> list[str]:
    try:
        with os.scandir(folder) as entries:
            return [entry.name for entry in entries]
    except OSError:
        return []


def children(pid: int) -> list[int]:
    """The direct children of all threads of a process; one that ends meanwhile may hide another."""
    found: list[int] = []
    for thread in _names(f"/proc/{pid}/task"):
        found += map(int, _read(f"/proc/{pid}/task/{thread}/children").split())
    return found


def descendants(pid: int) -> list[int]:
    """Everything below a process, zombies included, parents before their children."""
    found = children(pid)
    for child in found:  # grows while it is walked: breadth first
        found += children(child)
    return found


def _stat(pid: int) -> list[bytes]:
    """Fields of /proc/pid/stat from the third (state) on; the name before may hold blanks."""
    return _read(f"/proc/{pid}/stat").rpartition(b") ")[2].split()


def is_running(pid: int) -> bool:
    """Whether a process is there and is more than a zombie."""
    stat = _stat(pid)
    return bool(stat) and stat[0] not in (b"Z", b"X")


def start_ticks(pid: int) -> int | None:
    """When a process started, in clock ticks since boot (proc(5), starttime); None if gone."""
    stat = _stat(pid)
    return int(stat[19]) if len(stat) > 19 else None


def group(pid: int) -> int | None:
    """The process group of a process; None if gone or out of sight."""
    stat = _stat(pid)
    return (int(stat[2]) or None) if len(stat) > 2 else None


def name(pid: int) -> str:
    """The name of the program that runs in a process (cut to 15 characters by the kernel)."""
    return os.fsdecode(_read(f"/proc/{pid}/comm").rstrip(b"\n"))


def resident_mb(pids: Iterable[int]) -> float:
    """Resident memory in MiB, shared pages counted for each process: cheap, and never too low."""
    pages = 0
    for pid in pids:
        fields = _read(f"/proc/{pid}/statm").split()
        pages += int(fields[1]) if fields else 0
    return pages * _PAGE_BYTES / _MIB


def proportional_mb(pids: Iterable[int]) -> tuple[float, float]:
    """Resident memory in MiB, each shared page counted once in all, and how much is shared memory.

    Pss and Pss_Shmem of /proc/pid/smaps_rollup; walks page tables, so it costs milliseconds for
    a large process. Where it cannot be read, the plain resident size stands in.
    """
    total = shared = 0.0
    for pid in pids:
        rollup = dict(
            line.split()[:2]
            for line in _read(f"/proc/{pid}/smaps_rollup").splitlines()
            if line.startswith(b"Pss")
        )
        total += float(rollup[b"Pss:"]) / 1024 if b"Pss:" in rollup else resident_mb([pid])
        shared += float(rollup.get(b"Pss_Shmem:", 0)) / 1024
    return total, shared


def file_memory_mb(root_of: int, folders: Iterable[str]) -> float:
    """MiB held by the files of memory file systems, as the process ``root_of`` sees them."""
    used = 0.0
    for folder in folders:
        try:
            info = os.statvfs(f"/proc/{root_of}/root{folder}")
        except OSError:
            continue
        used += (info.f_blocks - info.f_bfree) * info.f_frsize / _MIB
    return used


def send(pids: Iterable[int], number: int) -> None:
    """Send a signal to each process that is still there."""
    for pid in pids:
        try:
            os.kill(pid, number)
        except (ProcessLookupError, PermissionError):
            continue


def kill_all(pids: list[int], *, spare_group: int) -> None:
    """``SIGKILL`` processes, whole groups first: the kernel kills a group in one step, so that a
    program that forks faster than we can list loses all its copies at once.
    """
    for number in {group(pid) for pid in pids}:
        if number is None or number in (1, spare_group):
            continue
        try:
            os.killpg(number, signal.SIGKILL)
        except (ProcessLookupError, PermissionError):
            continue
    send(pids, signal.SIGKILL)


def marked(mark: str) -> list[int]:
    """Every process on this machine that was started with ``mark`` in its environment."""
    needle = os.fsencode(mark)
    return [
        int(entry)
        for entry in _names("/proc")
        if entry.isdigit() and needle in _read(f"/proc/{entry}/environ").split(b"\0")
    ]
