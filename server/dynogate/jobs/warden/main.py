"""The life of one job, from its start until nothing of it is left."""

import marshal
import os
import resource
import select
import signal
import sys
import time

from . import processes
from .order import Order
from .output import BoundedOutput
from .spawn import NotStarted, adopt_orphans, ignore_signals, start

SCAN_SEC = 0.05
_SCAN_SHARE = 50  # a scan is followed by a pause of at least this many times its own duration,
_TIGHT_SCAN_SEC = 0.01  # over half of a limit: a fork bomb doubles within milliseconds
_TIGHT_SHARE = 10
_MAX_SCAN_SEC = 0.2  # and in no case by a longer one than this
_SETUP_SEC = 1.0  # a sandbox is looked at every few milliseconds until its command executes
_SETUP_SCAN_SEC = 0.002
_SWEEP_SEC = 10.0  # longer than this, a process hangs inside the kernel and will die when it can
_HARD_MEMORY = 1.5  # times the limit
_HARD_PROCESSES = 2
_MIB_IN_KIB = 1024


class Warden:
    """Starts a command, watches it, and ends it with all that it started.

    Args:
        order: what to run.
        control: a socket to the gateway: a byte from it asks to stop, and its end of file is the
            gateway's death. The command's pid is written to it.
    """

    def __init__(self, order: Order, control: int) -> None:
        self.order = order
        self.control = control
        self.poll = select.poll()
        self.heard: set[int] = set()  # the file descriptors that ``poll`` watches
        self.main = 0  # the process that we started: the command, or bwrap
        self.command: int | None = None  # the command's own process, once it executes
        self.plumbing: set[int] = set()  # processes of the sandbox itself
        self.end = "exited"
        self.problem: tuple[int, str] | None = None
        self.status: int | None = None  # wait status of ``main``
        self.sandbox_said = b""  # lines of JSON, see --json-status-fd in bwrap(1)
        self.began = self.ended = self.next_scan = 0.0
        self.kill_at: float | None = None
        self.peak_mb = 0.0
        self.leftovers = 0
        self.outputs: dict[int, BoundedOutput] = {}
        self.status_fd = -1
        self.wake_fd = -1

    def run(self) -> dict[str, object]:
        """The whole job; returns the fields of a ``Report``."""
        ignore_signals()
        adopt_orphans()
        self._wake_on_child()
        out = self._new_output()
        err = self._new_output()
        self.began = self.ended = time.monotonic()
        try:
            self._start(out[1], err[1])
        except NotStarted as error:
            self.problem = (error.errno, os.fsdecode(error.path))
        finally:
            os.close(out[1])
            os.close(err[1])
        if self.problem is None:
            self._watch()
            self._sweep()
        for fd in list(self.outputs):
            self._drain(fd, pieces=64)
        return self._report(self.outputs[out[0]], self.outputs[err[0]])

    # Starting

    def _wake_on_child(self) -> None:
        self.wake_fd, write_fd = os.pipe2(os.O_CLOEXEC | os.O_NONBLOCK)
        signal.signal(signal.SIGCHLD, lambda *_: None)
        signal.set_wakeup_fd(write_fd, warn_on_full_buffer=False)
        os.set_blocking(self.control, False)
        self._hear(self.wake_fd)
        self._hear(self.control)

    def _new_output(self) -> tuple[int, int]:
        read_fd, write_fd = os.pipe2(os.O_CLOEXEC)
        os.set_blocking(read_fd, False)
        self.outputs[read_fd] = BoundedOutput(self.order.output_bytes)
        self._hear(read_fd)
        return read_fd, write_fd

    def _start(self, stdout: int, stderr: int) -> None:
        if not self.order.bwrap:
            self.main = start(self.order, stdout=stdout, stderr=stderr)
            self._started(self.main)
            return
        arguments = os.memfd_create("bwrap")
        os.write(arguments, b"\0".join(self.order.bwrap[1:]) + b"\0")
        os.lseek(arguments, 0, os.SEEK_SET)
        self.status_fd, status = os.pipe2(os.O_CLOEXEC)
        os.set_blocking(self.status_fd, False)
        self._hear(self.status_fd)
        self.main = start(self.order, stdout=stdout, stderr=stderr, bwrap_fds=(arguments, status))
        self.plumbing.add(self.main)
        os.close(arguments)
        os.close(status)

    def _started(self, pid: int) -> None:
        self.command = pid
        self.began = time.monotonic()
        self.next_scan = self.began + _TIGHT_SCAN_SEC
        try:
            os.write(self.control, b"%d\n" % pid)
        except OSError:
            return  # the gateway is gone: the next poll says so

    def _from_sandbox(self, key: bytes) -> int | None:
        """A number that bubblewrap has said so far; its JSON is simple, and the parser is not."""
        rest = self.sandbox_said.partition(b'"%s": ' % key)[2]
        after = rest.lstrip(b"0123456789")
        return int(rest[: -len(after)]) if after != rest and after else None

    def _find_command(self) -> None:
        """In a sandbox: the first child of its first process, once it is no longer bwrap."""
        first = self._from_sandbox(b"child-pid")
        if first is None:
            return
        self.plumbing.add(first)
        for pid in processes.children(first)[:1]:
            if processes.name(pid) not in ("bwrap", ""):
                self._started(pid)

    # Watching

    def _watch(self) -> None:
        while self.status is None:
            now = time.monotonic()
            deadline = self.began + self.order.timeout_sec
            if now >= self.next_scan:
                self._scan()
            if now >= deadline:
                self._stop("timed_out")
            if self.kill_at is not None and now >= self.kill_at:
                return
            alarms = [self.next_scan, deadline if self.kill_at is None else self.kill_at]
            self._wait(min(alarms))
            self._reap()

    def _wait(self, until: float) -> None:
        """Handle what happens until then; return early when something did."""
        milliseconds = max(0.0, (until - time.monotonic()) * 1000)
        for fd, _ in self.poll.poll(milliseconds):
            if fd in self.outputs:
                self._drain(fd, pieces=1)
            elif fd == self.wake_fd:
                os.read(fd, 512)
            elif fd == self.status_fd:
                self._hear_sandbox()
            else:
                self._hear_gateway()

    def _drain(self, fd: int, *, pieces: int) -> None:
        """Take up to so many pieces from a pipe, without waiting."""
        for _ in range(pieces):
            try:
                data = os.read(fd, 65536)
            except BlockingIOError:
                return
            if not data:
                self._forget(fd)
                return
            self.outputs[fd].add(data)

    def _hear(self, fd: int) -> None:
        self.heard.add(fd)
        self.poll.register(fd, select.POLLIN)

    def _forget(self, fd: int) -> None:
        if fd in self.heard:
            self.heard.remove(fd)
            self.poll.unregister(fd)

    def _hear_sandbox(self) -> None:
        try:
            data = os.read(self.status_fd, 65536)
        except BlockingIOError:
            return
        if not data:
            self._forget(self.status_fd)
        self.sandbox_said += data
        self.next_scan = 0.0

    def _hear_gateway(self) -> None:
        try:
            asked = os.read(self.control, 16)
        except OSError:
            asked = b""
        self._stop("cancelled")
        if not asked:
            self._forget(self.control)
            self.kill_at = time.monotonic()

    def _reap(self) -> bool:
        """Collect the dead, adopted ones too; returns whether anybody is left."""
        while True:
            try:
                pid, status = os.waitpid(-1, os.WNOHANG)
            except ChildProcessError:
                return False
            if pid == 0:
                return True
            if pid == self.main:
                self.status = status
                self.ended = time.monotonic()

    def _payload(self) -> list[int]:
        return [pid for pid in processes.descendants(os.getpid()) if pid not in self.plumbing]

    def _scan(self) -> None:
        """Measure the tree and hold it against its limits."""
        now = time.monotonic()
        if self.command is None:
            self._find_command()
        payload = self._payload()
        memory_mb = self._memory_mb(payload)
        self.peak_mb = max(self.peak_mb, memory_mb)
        self._judge("memory_exceeded", memory_mb / self.order.memory_mb, _HARD_MEMORY)
        self._judge("processes_exceeded", len(payload) / self.order.processes, _HARD_PROCESSES)
        tight = max(memory_mb / self.order.memory_mb, len(payload) / self.order.processes) > 0.5
        self.next_scan = now + self._pause(time.monotonic() - now, tight=tight)

    def _pause(self, spent: float, *, tight: bool) -> float:
        """Seconds from a scan that took ``spent`` to the next: little where it may matter soon."""
        if self.command is None and time.monotonic() < self.began + _SETUP_SEC:
            return _SETUP_SCAN_SEC
        least, share = (_TIGHT_SCAN_SEC, _TIGHT_SHARE) if tight else (SCAN_SEC, _SCAN_SHARE)
        return min(max(least, share * spent), _MAX_SCAN_SEC)

    def _memory_mb(self, payload: list[int]) -> float:
        files = 0.0
        if self.command is not None:  # before, a process of the sandbox sees the machine's folders
            files = processes.file_memory_mb(self.command, self.order.memory_folders)
        at_most = processes.resident_mb(payload) + files
        if at_most <= self.order.memory_mb:
            return at_most
        total, shared = processes.proportional_mb(payload)
        return total + max(0.0, files - shared)

    def _judge(self, end: str, share: float, hard: float) -> None:
        if share > 1:
            self._stop(end)
        if share > hard:
            self.kill_at = time.monotonic()

    # Ending

    def _stop(self, end: str) -> None:
        """Ask the whole tree to end, once; the first reason counts."""
        if self.kill_at is not None:
            return
        self.end = end
        self.kill_at = time.monotonic() + (self.order.grace_sec if self.command else 0)
        processes.send(self._payload(), signal.SIGTERM)

    def _sweep(self) -> None:
        """Kill whatever is left, until the kernel says that we have no child any more."""
        me = os.getpid()
        give_up = time.monotonic() + _SWEEP_SEC
        if self.status is not None:
            self.leftovers = sum(map(processes.is_running, self._payload()))
        while self._reap() and time.monotonic() < give_up:
            processes.kill_all(processes.descendants(me), spare_group=me)
            self._wait(time.monotonic() + 0.005)

    def _returncode(self) -> int:
        if self.status is None:
            return -signal.SIGKILL
        code = os.waitstatus_to_exitcode(self.status)
        # bwrap passes a death by signal on as shells do.
        return 128 - code if self.order.bwrap and code - 128 in signal.valid_signals() else code

    def _report(self, out: BoundedOutput, err: BoundedOutput) -> dict[str, object]:
        if self.order.bwrap and self.problem is None and self.end == "exited":
            self._hear_sandbox()
            if self._from_sandbox(b"exit-code") is None:  # it says one only after the exec
                self.problem = (0, err.text())
        usage = resource.getrusage(resource.RUSAGE_CHILDREN)
        return {
            "end": self.end,
            "problem": self.problem,
            "returncode": self._returncode(),
            "elapsed_sec": self.ended - self.began,
            "cpu_sec": usage.ru_utime + usage.ru_stime,
            "max_rss_mb": max(self.peak_mb, usage.ru_maxrss / _MIB_IN_KIB),
            "stdout": out.text(),
            "stderr": err.text(),
            "leftovers": self.leftovers,
        }


def main() -> None:
    """Entry point; the arguments are file descriptors: the gateway, the order, the report."""
    control, order_fd, report_fd = map(int, sys.argv[2:5])
    for fd in (control, order_fd, report_fd):
        os.set_inheritable(fd, False)
    with os.fdopen(order_fd, "rb") as file:
        order = Order(file.read())
    os.write(report_fd, marshal.dumps(Warden(order, control).run()))
    os._exit(0)  # nothing is left to tidy up, and the interpreter would take its time
