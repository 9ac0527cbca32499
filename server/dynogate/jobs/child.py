"""Running other people's code: one child process, its limits, and how it ended."""

import contextlib
import errno
import marshal
import os
import secrets
import socket
import subprocess
import sys
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from enum import StrEnum
from pathlib import Path

from dynogate.errors import ConfigurationError, DynogateError, ScriptNotFound, ToolError
from dynogate.jobs.cancel import CancelToken
from dynogate.jobs.limits import Limits
from dynogate.jobs.sandbox import SandboxSpec, bwrap_command, memory_folders
from dynogate.jobs.warden import processes
from dynogate.jobs.warden.order import Report

TICK_SEC = 0.25
_OVERDUE_SEC = 15.0  # what a healthy warden needs at the very most beyond the grace time
_MARK = "DYNOGATE_JOB"
_WARDEN = "import sys; sys.path.append(sys.argv[1]); from warden.main import main; main()"
_INTERPRETER_FLAGS = ("-I", "-S")


class ChildEnd(StrEnum):
    """Why a child process is no longer running."""

    EXITED = "exited"  # by itself, whatever its status
    TIMED_OUT = "timed_out"
    CANCELLED = "cancelled"
    MEMORY_EXCEEDED = "memory_exceeded"
    PROCESSES_EXCEEDED = "processes_exceeded"


@dataclass(frozen=True, slots=True, kw_only=True)
class ChildSpec:
    """A command and the conditions it runs under.

    Attributes:
        argv: the command; looked up in the ``PATH`` of ``env`` where it has no slash.
        cwd: working directory.
        env: the whole environment; nothing is inherited, and only ``DYNOGATE_JOB`` is added.
        stdin: what it reads from its standard input, as from a file; then end of file.
        sandbox: None runs it with everything this user may do.
    """

    argv: tuple[str, ...]
    cwd: Path
    env: Mapping[str, str] = field(repr=False)
    stdin: bytes = b""
    limits: Limits = field(default_factory=Limits)
    sandbox: SandboxSpec | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class ChildResult:
    """How a child process ended, and what it used.

    Attributes:
        returncode: exit status; the negative signal number where a signal ended it. In a sandbox
            a status of ``128 + n`` cannot be told from signal ``n`` and is reported as that.
        elapsed_sec: from the start of the command to its end.
        cpu_sec: user and system CPU of all processes of the tree (``RUSAGE_CHILDREN`` of their
            last ancestor). Missing are children of a process that ignores ``SIGCHLD``, which the
            kernel discards; included are some milliseconds of starting, and of the sandbox.
        max_rss_mb: the highest resident memory of the whole tree that was polled, and at least
            what the kernel saw for its largest process (never under some 10 MiB: what our own
            fork held before it executed the command).
        stdout, stderr: head and tail, with a line that says how much was left out between.
        leftovers: processes that still ran when the command had ended, and were killed. In a
            sandbox these die together with it, so that some may be missed in the count.
    """

    end: ChildEnd
    returncode: int
    elapsed_sec: float
    cpu_sec: float
    max_rss_mb: float
    stdout: str
    stderr: str
    leftovers: int


def run_child(
    spec: ChildSpec,
    *,
    cancel: CancelToken | None = None,
    on_start: Callable[[int], None] | None = None,
    on_tick: Callable[[float], None] | None = None,
) -> ChildResult:
    """Run a command until it ends or is ended; when this returns, nothing it started runs.

    At a limit, or when cancelled, every process of the tree gets ``SIGTERM``, and after the
    grace time ``SIGKILL``. The same happens to what the command leaves behind, at once, wherever
    it hid (see ``dynogate.jobs.warden``), and to everything when this process dies, by
    ``SIGKILL`` too. One gap is known: a job *without* a sandbox that kills its supervisor may
    lose a process that also forked twice and cleared its environment.

    Args:
        on_start: called with the pid of the command's process, as this machine sees it, once it
            executes. In a sandbox a command that ends within milliseconds may go unseen.
        on_tick: called about every ``TICK_SEC`` with the seconds since the start.
            Both are called in this thread; an exception of theirs ends the job and comes out here.

    Raises:
        ScriptNotFound: the executable or the working directory does not exist.
        ToolError: it cannot be executed, or not with these arguments or this environment; or
            the job killed its supervisor.
        ConfigurationError: the sandbox cannot be set up.
    """
    mark = secrets.token_hex(16)
    with contextlib.ExitStack() as stack:
        ours, theirs = socket.socketpair()
        stack.enter_context(ours)
        report_fd = _memory_file(stack, b"")
        with theirs:
            warden = _start_warden(stack, spec, mark, theirs.fileno(), report_fd)
        try:
            _attend(ours, warden, spec.limits, cancel or CancelToken(), on_start, on_tick)
        finally:
            ours.close()  # ends the job, where it has not ended
            _wait_for(warden)
        report = os.pread(report_fd, os.fstat(report_fd).st_size, 0)
        if not report:
            _kill_marked(mark)
            raise _lost_warden(warden.returncode)
    return _result(spec, Report(report))


def _memory_file(stack: contextlib.ExitStack, content: bytes) -> int:
    """A file in memory with this content, open at its start, closed with the stack."""
    fd = os.memfd_create("dynogate")
    stack.callback(os.close, fd)
    with open(fd, "wb", closefd=False) as file:
        file.write(content)
    os.lseek(fd, 0, os.SEEK_SET)
    return fd


def _check(spec: ChildSpec) -> None:
    """Refuse what no program can be given; to bubblewrap, a null would begin another option."""
    names = [name for name in spec.env if not name or "=" in name]
    if names:
        raise ToolError(f"{names[0]!r} cannot be the name of an environment variable")
    words = (*spec.argv, str(spec.cwd), *spec.env, *spec.env.values())
    for word in words:
        try:
            bad = b"\0" in os.fsencode(word)
        except UnicodeEncodeError:
            bad = True
        if bad:
            raise ToolError(f"no program can be given {word[:200]!a} (a null or half a character)")


def _order(spec: ChildSpec, mark: str) -> bytes:
    _check(spec)
    env = {**spec.env, _MARK: mark}
    limits = spec.limits
    sandbox = spec.sandbox
    bwrap = bwrap_command(sandbox, cwd=spec.cwd, env=env) if sandbox else []
    order = {
        "argv": list(map(os.fsencode, spec.argv)),
        "bwrap": list(map(os.fsencode, bwrap)),
        "memory_folders": memory_folders(sandbox) if sandbox else [],
        "cwd": os.fsencode(spec.cwd),
        "env": {os.fsencode(name): os.fsencode(value) for name, value in env.items()},
        "timeout_sec": limits.timeout_sec,
        "memory_mb": limits.memory_mb,
        "processes": limits.processes,
        "file_size_mb": limits.file_size_mb,
        "output_bytes": limits.output_bytes,
        "grace_sec": limits.grace_sec,
    }
    return marshal.dumps(order)


def _start_warden(
    stack: contextlib.ExitStack, spec: ChildSpec, mark: str, control: int, report: int
) -> subprocess.Popen[bytes]:
    order = _memory_file(stack, _order(spec, mark))
    stdin = _memory_file(stack, spec.stdin) if spec.stdin else subprocess.DEVNULL
    folder = str(Path(__file__).parent)
    fds = (control, order, report)
    return subprocess.Popen(
        [sys.executable, *_INTERPRETER_FLAGS, "-c", _WARDEN, folder, *map(str, fds)],
        stdin=stdin,
        stdout=subprocess.DEVNULL,
        pass_fds=fds,
        env={},
        cwd="/",
        start_new_session=True,
    )


def _attend(
    ours: socket.socket,
    warden: subprocess.Popen[bytes],
    limits: Limits,
    cancel: CancelToken,
    on_start: Callable[[int], None] | None,
    on_tick: Callable[[float], None] | None,
) -> None:
    """Pass messages on until the warden has hung up."""
    began = time.monotonic()
    overdue = began + limits.timeout_sec + limits.grace_sec + _OVERDUE_SEC
    ours.settimeout(TICK_SEC)

    def ask_to_stop() -> None:
        with contextlib.suppress(OSError):
            ours.send(b"c")

    with cancel.calling(ask_to_stop):
        while True:
            try:
                said = ours.recv(64)
            except TimeoutError:
                said = None
            except ConnectionResetError:  # it hung up with our message unread
                said = b""
            if said == b"":
                return
            if said and on_start:
                on_start(int(said))
            now = time.monotonic()
            if on_tick:
                on_tick(now - began)
            if cancel.cancelled:
                overdue = min(overdue, now + limits.grace_sec + _OVERDUE_SEC)
            if now > overdue:
                warden.kill()


def _wait_for(warden: subprocess.Popen[bytes]) -> None:
    """Reap the warden; it ends by itself soon after it was hung up on."""
    try:
        warden.wait(_OVERDUE_SEC)
    except subprocess.TimeoutExpired:
        warden.kill()
        warden.wait()


def _kill_marked(mark: str) -> None:
    """Kill what a dead warden left; its direct child has died with it (``PR_SET_PDEATHSIG``)."""
    give_up = time.monotonic() + _OVERDUE_SEC
    while (left := processes.marked(f"{_MARK}={mark}")) and time.monotonic() < give_up:
        processes.kill_all(left, spare_group=os.getpgrp())


def _lost_warden(returncode: int) -> Exception:
    if returncode < 0:
        return ToolError("the job killed or stopped the process that supervised it")
    return RuntimeError(f"the supervisor of a job failed with status {returncode}")


def _result(spec: ChildSpec, report: Report) -> ChildResult:
    if report.problem is not None:
        raise _not_started(spec, *report.problem)
    return ChildResult(
        end=ChildEnd(report.end),
        returncode=report.returncode,
        elapsed_sec=report.elapsed_sec,
        cpu_sec=report.cpu_sec,
        max_rss_mb=report.max_rss_mb,
        stdout=report.stdout,
        stderr=report.stderr,
        leftovers=report.leftovers,
    )


def _not_started(spec: ChildSpec, number: int, text: str) -> DynogateError:
    """The error for a command that never ran; ``number`` is 0 where bubblewrap said why."""
    program = spec.argv[0]
    if "Can't chdir" in text:
        number, text = errno.ENOENT, str(spec.cwd)
    if number == 0 and "execvp" not in text:
        return ConfigurationError(f"the sandbox could not be set up: {text.strip()}")
    missing = os.strerror(errno.ENOENT)
    if number in (errno.ENOENT, errno.ENOTDIR) or missing in text:
        what = f"the working directory '{text}'" if text == str(spec.cwd) else f"'{program}'"
        return ScriptNotFound(f"{what} does not exist" + (", in the sandbox" if not number else ""))
    why = os.strerror(number) if number else text.strip()
    return ToolError(f"'{program}' cannot be executed: {why}")
