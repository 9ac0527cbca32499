"""Starting the command: a fork in a process of one thread, where that is safe."""

import ctypes
import os
import resource
import signal

from .order import Order

_PR_SET_PDEATHSIG = 1
_PR_SET_CHILD_SUBREAPER = 36
_PR_SET_NO_NEW_PRIVS = 38
_MIB = 2**20


class NotStarted(Exception):
    """The command could not be executed.

    Attributes:
        errno: why.
        path: what could not be entered or executed.
    """

    def __init__(self, errno: int, path: bytes) -> None:
        super().__init__(errno, path)
        self.errno = errno
        self.path = path


def _prctl(option: int, value: int) -> None:
    """prctl(2)."""
    if ctypes.CDLL(None, use_errno=True).prctl(option, value, 0, 0, 0) != 0:
        raise OSError(ctypes.get_errno(), f"prctl {option}")


def adopt_orphans() -> None:
    """Become the parent of every descendant whose own parent dies (Linux 3.4)."""
    _prctl(_PR_SET_CHILD_SUBREAPER, 1)


def _every_signal(handler: signal.Handlers, *, but: tuple[int, ...] = ()) -> None:
    for number in signal.valid_signals():
        if number not in (signal.SIGKILL, signal.SIGSTOP, *but):
            signal.signal(number, handler)


def ignore_signals() -> None:
    """Let nothing but ``SIGKILL`` and ``SIGSTOP`` disturb this process; ``SIGCHLD`` stays."""
    _every_signal(signal.SIG_IGN, but=(signal.SIGCHLD,))


def _limit(which: int, value: int) -> None:
    hard = resource.getrlimit(which)[1]
    value = value if hard == resource.RLIM_INFINITY else min(value, hard)
    resource.setrlimit(which, (value, value))


def _offer_memory() -> None:
    """When the machine runs out of memory, the kernel is to take the job, not the gateway."""
    try:
        score = os.open("/proc/self/oom_score_adj", os.O_WRONLY | os.O_CLOEXEC)
        os.write(score, b"1000")
    except OSError:
        return  # only a preference


def _prepare(order: Order, parent: int) -> None:
    """Turn the forked process into the job's: its own session, its limits, default signals."""
    _prctl(_PR_SET_PDEATHSIG, signal.SIGKILL)
    if os.getppid() != parent:
        os._exit(127)
    os.setsid()
    if not order.bwrap:
        # A set-uid program would be beyond our reach (bwrap sees to it itself, and may be set-uid).
        _prctl(_PR_SET_NO_NEW_PRIVS, 1)
    _limit(resource.RLIMIT_CORE, 0)
    _limit(resource.RLIMIT_FSIZE, int(order.file_size_mb * _MIB))
    _offer_memory()
    _every_signal(signal.SIG_DFL)
    signal.pthread_sigmask(signal.SIG_SETMASK, ())


def _execute(order: Order, bwrap_fds: tuple[int, int] | None) -> None:
    if bwrap_fds is None:
        os.chdir(order.cwd)
        os.execvpe(order.argv[0], order.argv, order.env)  # noqa: S606 (no shell: that is the point)
    arguments, status = bwrap_fds
    for fd in bwrap_fds:
        os.set_inheritable(fd, True)
    # bwrap takes its arguments from a file, so that the environment is not to be read in `ps`.
    bwrap = order.bwrap[0]
    wrapper = [bwrap, b"--args", b"%d" % arguments, b"--json-status-fd", b"%d" % status, b"--"]
    os.execve(bwrap, wrapper + order.argv, {})  # noqa: S606 (no shell: that is the point)


def start(
    order: Order, *, stdout: int, stderr: int, bwrap_fds: tuple[int, int] | None = None
) -> int:
    """Fork and execute; returns the pid once the exec has succeeded.

    Args:
        stdout, stderr: file descriptors the command writes to; it reads our own stdin.
        bwrap_fds: a file with bubblewrap's arguments, and where it writes its status.

    Raises:
        NotStarted: the working directory or the executable is at fault.
    """
    parent = os.getpid()
    told, tell = os.pipe2(os.O_CLOEXEC)
    pid = os.fork()
    if pid == 0:
        try:
            _prepare(order, parent)
            os.dup2(stdout, 1)
            os.dup2(stderr, 2)
            _execute(order, bwrap_fds)
        except OSError as error:
            path = order.cwd if error.filename == order.cwd else order.argv[0]
            os.write(tell, b"%d %b" % (error.errno or 0, path))
        finally:
            os._exit(127)
    os.close(tell)
    with os.fdopen(told, "rb") as pipe:
        errno, _, path = pipe.read().partition(b" ")
    if errno:
        os.waitpid(pid, 0)
        raise NotStarted(int(errno), path)
    return pid
