"""Watches a running Python process from outside, with py-spy.

Scalene's signals reach a program only between some bytecodes (calls, loop ends), so that a line
of a loop gets its neighbours' time. py-spy reads the interpreter's own instruction pointer.
"""

import contextlib
import resource
import shutil
import signal
import subprocess
import sys
import threading
import time
from pathlib import Path

RATE = 100
"""Samples a second of each running thread."""

_START_SEC = 10.0
_STOP_SEC = 5.0
_MEMORY_BYTES = 1536 * 1024 * 1024


def find_py_spy() -> str | None:
    """The py-spy executable beside this interpreter, or on the PATH; None where there is none."""
    beside = Path(sys.executable).with_name("py-spy")
    return str(beside) if beside.is_file() else shutil.which("py-spy")


class LineSampler:
    """One py-spy for one process and its children.

    ``start`` may be called as soon as the process exists. The process says through the file
    ``ready`` that its interpreter is up, and finds ``attached`` once it is being watched.
    """

    def __init__(self, folder: Path, *, ready: Path, attached: Path, rate: int = RATE) -> None:
        """``folder`` holds py-spy's output; the watched program must not be able to write there."""
        self._output = folder / "py-spy.json"
        self._log = folder / "py-spy.log"
        self._ready = ready
        self._attached = attached
        self._rate = rate
        self._executable = find_py_spy()
        self._process: subprocess.Popen[bytes] | None = None
        self._thread: threading.Thread | None = None
        self._ended = threading.Event()
        self.problem: str | None = None if self._executable else "py-spy is not installed"

    def start(self, pid: int) -> None:
        """Begin to watch ``pid``; returns at once."""
        if self._executable is not None:
            self._thread = threading.Thread(target=self._watch, args=(pid,), daemon=True)
            self._thread.start()

    def finish(self) -> bytes | None:
        """What was seen, once the process has ended; None where nothing could be (``problem``)."""
        self._ended.set()
        if self._thread is not None:
            self._thread.join()
        if self._process is not None:
            _stop(self._process)
        if self._output.is_file():
            return self._output.read_bytes()
        if self.problem is None:
            self.problem = _last_line(self._log) or "py-spy wrote nothing"
        return None

    def _watch(self, pid: int) -> None:
        if not self._wait_for(self._ready):
            self.problem = "the program ended before it could be watched"
            return
        with self._log.open("wb") as log:
            self._process = subprocess.Popen(
                self._command(pid),
                stdin=subprocess.DEVNULL,
                stdout=subprocess.PIPE,
                stderr=log,
            )
        _bound_memory(self._process.pid)
        stdout = self._process.stdout
        if stdout is None:  # pragma: no cover  (a pipe was asked for)
            return
        for line in stdout:  # ends when py-spy does
            if b"Sampling process" in line:
                with contextlib.suppress(OSError):
                    self._attached.touch()
        stdout.close()

    def _command(self, pid: int) -> list[str]:
        return [
            str(self._executable),
            *("record", "--pid", str(pid), "--subprocesses", "--nonblocking"),
            *("--full-filenames", "--format", "speedscope"),
            *("--rate", str(self._rate), "--output", str(self._output)),
        ]

    def _wait_for(self, path: Path) -> bool:
        deadline = time.monotonic() + _START_SEC
        while time.monotonic() < deadline and not self._ended.is_set():
            if path.exists():
                return True
            time.sleep(0.002)
        return path.exists()


def _bound_memory(pid: int) -> None:
    """Deep stacks are long: a sampler that would take the machine's memory loses its own run."""
    with contextlib.suppress(ProcessLookupError):
        resource.prlimit(pid, resource.RLIMIT_AS, (_MEMORY_BYTES, _MEMORY_BYTES))


def _stop(process: subprocess.Popen[bytes]) -> None:
    """py-spy ends by itself with the watched process; one that does not is asked, then killed."""
    for ask in (None, signal.SIGINT, signal.SIGKILL):
        if ask is not None:
            process.send_signal(ask)
        with contextlib.suppress(subprocess.TimeoutExpired):
            process.wait(_STOP_SEC)
            return


def _last_line(path: Path) -> str:
    with contextlib.suppress(OSError):
        lines = path.read_text(errors="replace").strip().splitlines()
        return lines[-1] if lines else ""
    return ""
