"""Programs of the rig: started, stopped, killed, frozen; gone when the runner is gone."""

import contextlib
import ctypes
import os
import signal
import subprocess
import time
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path

from dynogate.errors import RigFailed

_PR_SET_PDEATHSIG = 1
_libc = ctypes.CDLL(None, use_errno=True)


def _die_with_parent() -> None:
    """Ask the kernel for SIGKILL when the runner ends, however it does (prctl(2))."""
    _libc.prctl(_PR_SET_PDEATHSIG, signal.SIGKILL)


def until(condition: Callable[[], object], what: str, seconds: float = 30.0) -> None:
    """Wait for a condition.

    Raises:
        RigFailed: it did not come true in time.
    """
    deadline = time.monotonic() + seconds
    while not condition():
        if time.monotonic() > deadline:
            raise RigFailed(f"waited {seconds:g} s for {what}")
        time.sleep(0.01)


class Process:
    """One program in a process group of its own.

    It may be started again after it ended. Start it from the main thread: the kernel ends it
    together with the thread that started it.

    Args:
        name: for messages.
        command: program and arguments.
        folder: where it works, and where its output goes (``NAME.log``).
        env: in place of the runner's.
        user: to run as; the runner's own where None.
    """

    def __init__(
        self,
        name: str,
        command: Sequence[str],
        folder: Path,
        env: Mapping[str, str] | None = None,
        user: str | None = None,
    ) -> None:
        self.name = name
        self.command = list(command)
        self.env = dict(os.environ if env is None else env)
        self.log = folder / f"{name}.log"
        self._folder = folder
        self._user = user
        self._process: subprocess.Popen[bytes] | None = None

    @property
    def pid(self) -> int:
        """Of the running program.

        Raises:
            RigFailed: it does not run.
        """
        if self._process is None or self._process.poll() is not None:
            raise RigFailed(f"{self.name} does not run: {self.told()}")
        return self._process.pid

    @property
    def running(self) -> bool:
        """Whether it has been started and has not ended."""
        return self._process is not None and self._process.poll() is None

    def start(self, ready: Callable[[], object], seconds: float = 60.0) -> None:
        """Start it and wait until it is ready.

        Raises:
            RigFailed: it ended, or was not ready in time; tells the end of its output.
        """
        with self.log.open("ab") as output:
            self._process = subprocess.Popen(
                self.command,
                cwd=self._folder,
                env=self.env,
                stdin=subprocess.DEVNULL,
                stdout=output,
                stderr=subprocess.STDOUT,
                user=self._user,
                group=self._user,
                extra_groups=None if self._user is None else [],
                process_group=0,  # Ctrl-C is for the runner to hear
                preexec_fn=_die_with_parent,
            )
        until(lambda: not self.running or ready(), f"{self.name} to be ready", seconds)
        if not self.running:
            raise RigFailed(f"{self.name} ended as it started: {self.told()}")

    def signal(self, number: signal.Signals) -> None:
        """Send the program itself a signal."""
        os.kill(self.pid, number)

    def kill(self) -> None:
        """End it and all of its group at once; nothing where it has ended."""
        if self._process is None:
            return
        with contextlib.suppress(ProcessLookupError):
            os.killpg(self._process.pid, signal.SIGKILL)
        self._process.wait()

    def stop(self, seconds: float = 20.0) -> int:
        """Ask it to end (SIGTERM), and kill it where it has not after ``seconds``.

        Returns:
            Its exit status; negative for the signal that ended it.
        """
        if self._process is None:
            return 0
        if self.running:
            self._process.send_signal(signal.SIGTERM)
        try:
            return self._process.wait(seconds)
        except subprocess.TimeoutExpired:
            return -signal.SIGKILL
        finally:
            self.kill()  # what is left of its group

    def told(self, size: int = 800) -> str:
        """The end of its output."""
        return self.log.read_text(errors="replace")[-size:].strip() if self.log.exists() else ""
