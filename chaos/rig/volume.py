"""A small disk of a program's own, which can be filled, and made read-only, without being root.

The program runs in a user and mount namespace (``unshare``) in which a tmpfs lies over the folder.
From outside the disk is reached through ``/proc/PID/root``, and ``nsenter`` changes its mounts.
"""

import errno
import os
import shutil
import subprocess
from collections.abc import Sequence
from pathlib import Path

from dynogate.errors import RigFailed

_TOOLS = ("unshare", "nsenter", "setpriv")
_MOUNT = 'mount -t tmpfs -o "size=$1" chaos "$2" && shift 2 && exec setpriv --pdeathsig KILL "$@"'
_READ_ONLY = 'mount --bind "$1" "$1" && mount -o remount,bind,ro "$1"'
_FILLER = "chaos-filler"
_BLOCK = 2**16


class Volume:
    """The disk.

    Args:
        folder: where the program finds it.
        megabytes: its size.

    Raises:
        RigFailed: programs of util-linux are missing.
    """

    def __init__(self, folder: Path, megabytes: int) -> None:
        missing = [tool for tool in _TOOLS if shutil.which(tool) is None]
        if missing:
            raise RigFailed(f"not installed: {', '.join(missing)} (util-linux)")
        self.folder = folder
        self._megabytes = megabytes

    def around(self, command: Sequence[str]) -> list[str]:
        """The command that runs ``command`` with the disk; it keeps the process's id."""
        unshare = ["unshare", "--user", "--map-root-user", "--mount", "--propagation", "private"]
        size = f"{self._megabytes}m"
        return [*unshare, "sh", "-c", _MOUNT, "sh", size, str(self.folder), *command]

    def seen(self, pid: int) -> Path:
        """The folder as the program with this id sees it, from outside."""
        return Path(f"/proc/{pid}/root{self.folder}")

    def fill(self, pid: int) -> int:
        """Write until there is no space left; how many bytes it took.

        Raises:
            RigFailed: it never became full.
        """
        try:
            return self._written_until_full(self.seen(pid) / _FILLER)
        except OSError as error:
            raise RigFailed(f"the disk cannot be filled: {error.strerror}") from error

    def _written_until_full(self, filler: Path) -> int:
        written, most, size = 0, 2 * self._megabytes * 2**20, _BLOCK
        with filler.open("wb", buffering=0) as file:
            while written < most:
                try:
                    written += file.write(bytes(size))
                except OSError as error:
                    if error.errno != errno.ENOSPC:
                        raise
                    if size == 1:
                        return written
                    size = 1  # the last few bytes
        raise RigFailed(f"{written} bytes were written to a disk of {self._megabytes} MB")

    def empty(self, pid: int) -> None:
        """Take away what filled it."""
        (self.seen(pid) / _FILLER).unlink(missing_ok=True)

    def make_read_only(self, pid: int) -> None:
        """Let nothing be opened for writing there any more; what is open stays so.

        Raises:
            RigFailed: it cannot be done.
        """
        self._in_namespace(pid, "sh", "-c", _READ_ONLY, "sh", str(self.folder))

    def make_writable(self, pid: int) -> None:
        """Undo it; nothing where it was not done.

        Raises:
            RigFailed: it cannot be undone.
        """
        if self.refusal(pid) == errno.EROFS:
            self._in_namespace(pid, "umount", "--lazy", str(self.folder))

    def refusal(self, pid: int) -> int:
        """The error number of a write of our own there; 0 where it succeeds."""
        trial = self.seen(pid) / "chaos-trial"
        try:
            with trial.open("wb", buffering=0) as file:
                file.write(bytes(4096))
                os.fsync(file.fileno())
        except OSError as error:
            return error.errno or -1
        finally:
            if trial.exists():
                self._drop(trial)
        return 0

    def _drop(self, file: Path) -> None:
        try:
            file.unlink()
        except OSError as error:
            if error.errno != errno.EROFS:
                raise

    def _in_namespace(self, pid: int, *command: str) -> None:
        enter = ["nsenter", "--target", str(pid), "--user", "--mount", "--preserve-credentials"]
        done = subprocess.run(
            [*enter, *command], capture_output=True, text=True, check=False, timeout=10
        )
        if done.returncode:
            raise RigFailed(f"{' '.join(command)}: {done.stderr.strip()}")
