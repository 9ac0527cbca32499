"""Starts the program's interpreter and, beside it, the line sampler; ends as the program did.

``python -I -S supervisor.py JOB.json``. It runs where the program runs: py-spy tells running
threads from waiting ones by their ids, which must mean the same to both, so the sampler has to
live in the program's pid namespace. And it has to outlive the program, to write down what it saw.

Python 3.9 syntax, no imports beyond the standard library's smallest: this is start-up time.
"""

from __future__ import annotations

import contextlib
import json
import os
import signal
import sys
import time
from types import FrameType
from typing import Any, Union

MARK = b"Sampling process"
"""What py-spy prints when its first sample is due."""

STOP_SEC = 5.0


class Supervisor:
    """One program and its sampler."""

    def __init__(self, job: dict[str, Any]) -> None:
        self.job = job
        self.program = 0
        self.sampler = 0
        self.is_up = False
        self.is_ending = False

    def run(self) -> int:
        """Run both to their end; returns the program's wait status."""
        signal.signal(signal.SIGTERM, self._on_term)
        ready, tell_ready = os.pipe()
        wait_go, go = os.pipe()
        self.program = self._start_program(tell_ready, wait_go)
        os.close(tell_ready)
        os.close(wait_go)
        if self.is_ending:  # the SIGTERM for the job came before there was a program
            os.kill(self.program, signal.SIGTERM)
        # One byte once the interpreter is up; end of file if it never was.
        self.is_up = bool(os.read(ready, 1))
        if self.is_up and self.job["py_spy"]:
            self._start_sampler()
        os.close(go)
        status = os.waitpid(self.program, 0)[1]
        self._finish_sampler()
        return status

    def _start_program(self, ready: int, go: int) -> int:
        for fd in (ready, go):
            os.set_inheritable(fd, True)
        arguments = [*self.job["command"], str(ready), str(go)]
        environment = {**os.environ, **self.job["program_env"]}
        return os.posix_spawn(arguments[0], arguments, environment)

    def _start_sampler(self) -> None:
        """Start py-spy and wait until it watches; it is not to die of the SIGTERM for the job."""
        output, said = os.pipe()
        log = os.open(self.job["sampler_log"], os.O_WRONLY | os.O_CREAT, 0o600)
        command = [*self.job["py_spy"], "--pid", str(self.program)]
        files = [
            (os.POSIX_SPAWN_OPEN, 0, os.devnull, os.O_RDONLY, 0),
            (os.POSIX_SPAWN_DUP2, said, 1),
            (os.POSIX_SPAWN_DUP2, log, 2),
        ]
        handler = signal.signal(signal.SIGTERM, signal.SIG_IGN)
        try:
            self.sampler = os.posix_spawn(command[0], command, {}, file_actions=files)
        finally:
            signal.signal(signal.SIGTERM, handler)
        os.close(said)
        os.close(log)
        text = b""
        while MARK not in text:
            more = os.read(output, 4096)
            if not more:
                return
            text += more

    def _on_term(self, _signum: int, _frame: Union[FrameType, None]) -> None:
        """The job is to end: the program has the grace time, the sampler must write before it."""
        self.is_ending = True
        if self.program and not self.is_up:
            os.kill(self.program, signal.SIGTERM)
        signal.signal(signal.SIGALRM, self._flush_sampler)
        signal.setitimer(signal.ITIMER_REAL, self.job["flush_sec"])

    def _flush_sampler(self, _signum: int, _frame: Union[FrameType, None]) -> None:
        if self.sampler:
            with contextlib.suppress(ProcessLookupError):
                os.kill(self.sampler, signal.SIGINT)

    def _finish_sampler(self) -> None:
        """py-spy notices the program's end by itself; one that does not is asked, then killed."""
        for ask in (None, signal.SIGINT, signal.SIGKILL):
            deadline = time.monotonic() + STOP_SEC
            while self.sampler and time.monotonic() < deadline:
                if ask is not None:
                    os.kill(self.sampler, ask)
                    ask = None
                if os.waitpid(self.sampler, os.WNOHANG)[0]:
                    self.sampler = 0
                time.sleep(0.002)


def main(argv: list[str]) -> None:
    """Run the job described by the JSON file ``argv[1]``."""
    with open(argv[1], encoding="utf-8") as file:
        job = json.load(file)
    status = Supervisor(job).run()
    code = os.waitstatus_to_exitcode(status)
    with open(job["status"], "w") as file:
        file.write(str(code))
    if code < 0:
        with contextlib.suppress(OSError):  # SIGKILL's cannot be set, and need not be
            signal.signal(-code, signal.SIG_DFL)
        os.kill(os.getpid(), -code)
    os._exit(code)


if __name__ == "__main__":
    main(sys.argv)
