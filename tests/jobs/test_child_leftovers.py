"""Nothing that a job started may outlive it. The ``marker`` fixture fails a test that leaks."""

import os
import signal
import subprocess
import sys
import time

import psutil
import pytest

from dynogate.errors import ToolError
from dynogate.jobs import child
from dynogate.jobs.child import ChildEnd
from dynogate.jobs.limits import Limits
from tests.jobs.conftest import RunPython, eventually, marked_processes

SHORT = Limits(timeout_sec=1.0, grace_sec=0.5)

ORPHAN = """
import os, signal, sys, time
def orphan(*prepare):
    # Forks twice and leaves the session: the classic way to become a daemon.
    if os.fork() == 0:
        os.setsid()
        if os.fork() == 0:
            for step in prepare: step()
            time.sleep(60)
        os._exit(0)
    os.wait()
def ignore(): signal.signal(signal.SIGTERM, signal.SIG_IGN)
def strip():
    sleeper = [sys.executable, '-ISc', 'import time; time.sleep(60)', sys.argv[1]]
    os.execve(sys.executable, sleeper, {})
"""


def test_a_timeout_asks_first(python: RunPython) -> None:
    """``SIGTERM`` reaches the program inside the sandbox too, so that it can save its data."""
    result = python(
        """
        import signal, sys, time
        signal.signal(signal.SIGTERM, lambda *_: (print('saved'), sys.exit(143)))
        time.sleep(60)
        """,
        limits=Limits(timeout_sec=1.5),
    )
    assert (result.end, result.stdout) == (ChildEnd.TIMED_OUT, "saved\n")


def test_a_program_that_ignores_sigterm_dies_after_the_grace_time(python: RunPython) -> None:
    """Asking has an end."""
    result = python(
        "import signal, time; signal.signal(signal.SIGTERM, signal.SIG_IGN); time.sleep(60)",
        limits=SHORT,
    )
    assert (result.end, result.returncode) == (ChildEnd.TIMED_OUT, -9)
    assert 1.4 <= result.elapsed_sec < 3


def test_a_timeout_takes_grandchildren_too(python: RunPython) -> None:
    """The whole tree is asked, and what does not listen is killed."""
    result = python(
        ORPHAN + "if os.fork() == 0: ignore()\nif os.fork() == 0: orphan(ignore)\ntime.sleep(60)",
        limits=SHORT,
    )
    assert result.end == ChildEnd.TIMED_OUT


def test_what_stays_behind_is_killed_and_counted(plain_python: RunPython) -> None:
    """A background process, a daemon, and a daemon that hides: three."""
    result = plain_python(
        ORPHAN + "if os.fork() == 0: time.sleep(60)\norphan(ignore)\norphan(strip)\ntime.sleep(0.1)"
    )
    assert (result.end, result.returncode, result.leftovers) == (ChildEnd.EXITED, 0, 3)


def test_what_stays_behind_in_a_sandbox_dies_with_it(sandboxed_python: RunPython) -> None:
    """The pid namespace ends with its first process."""
    result = sandboxed_python(ORPHAN + "orphan(ignore)\norphan(strip)")
    assert (result.end, result.returncode) == (ChildEnd.EXITED, 0)


def test_a_daemon_that_cleared_its_environment_is_found(plain_python: RunPython) -> None:
    """Descent cannot be hidden: orphans come back to the warden."""
    assert plain_python(ORPHAN + "orphan(strip)").leftovers == 1


def test_a_grandchild_that_holds_the_output_open_does_not_hang_us(python: RunPython) -> None:
    """The end of the program counts, not the end of its pipes."""
    began = time.monotonic()
    result = python("import os, time\nif os.fork() == 0: time.sleep(60)\nprint('done')")
    assert result.stdout == "done\n"
    assert time.monotonic() - began < 10


def test_zombies_of_the_job_are_reaped(plain_python: RunPython) -> None:
    """Children that nobody waited for end with the job; none becomes a zombie of ours."""
    before = set(psutil.Process().children(recursive=True))
    plain_python("import os\nfor _ in range(5):\n  if os.fork() == 0: os._exit(0)")
    assert set(psutil.Process().children(recursive=True)) <= before


def test_a_fork_bomb_is_stopped(python: RunPython) -> None:
    """Copies that make copies, faster than one can list them."""
    result = python(
        """
        import os, time
        for _ in range(8): os.fork()  # 256 in the end
        time.sleep(60)
        """,
        limits=Limits(timeout_sec=30, processes=20, grace_sec=1),
    )
    assert result.end == ChildEnd.PROCESSES_EXCEEDED


def test_a_job_that_kills_its_supervisor_dies_too(plain_python: RunPython) -> None:
    """Its direct child dies with it; what else it started is found by its environment."""
    with pytest.raises(ToolError, match="killed or stopped the process that supervised it"):
        plain_python(
            ORPHAN + "orphan(ignore)\nos.kill(os.getppid(), signal.SIGKILL)\ntime.sleep(60)"
        )


def test_a_job_that_stops_its_supervisor_does_not_hang_us(
    plain_python: RunPython, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A warden that is overdue is killed."""
    monkeypatch.setattr(child, "_OVERDUE_SEC", 0.3)
    with pytest.raises(ToolError, match="killed or stopped"):
        plain_python("import os, time; os.kill(os.getppid(), 19); time.sleep(60)", limits=SHORT)


def test_a_supervisor_does_not_mind_other_signals(plain_python: RunPython) -> None:
    """A ``SIGTERM`` to everything, as a service manager sends it, must not orphan the job."""
    result = plain_python(
        "import os, signal\nfor n in (1, 2, 15): os.kill(os.getppid(), n)\nprint('alive')"
    )
    assert (result.stdout, result.returncode) == ("alive\n", 0)


GATEWAY = """
import sys
from pathlib import Path
from dynogate.jobs.child import ChildSpec, run_child
from dynogate.jobs.sandbox import SandboxSpec
{setting}
program = '''{program}'''
print("ready", flush=True)
run_child(ChildSpec(
    argv=(sys.executable, "-ISc", program, sys.argv[1]), cwd=Path("/"), env={{}}, sandbox=sandbox,
))
"""


def test_everything_dies_with_the_gateway(marker: str, sandboxed: bool) -> None:
    """Even a gateway that is killed by ``SIGKILL`` leaves no process of a job behind."""
    setting = (
        "sandbox = SandboxSpec(readable=(Path(sys.prefix), Path(sys.base_prefix)))"
        if sandboxed
        else "sandbox = None"
    )
    source = GATEWAY.format(
        setting=setting, program=ORPHAN + "ignore()\norphan(strip)\ntime.sleep(60)"
    )
    with subprocess.Popen([sys.executable, "-c", source, marker]) as gateway:
        # The gateway, the program, and its daemon (bubblewrap shows the marker as well).
        assert eventually(lambda: len(marked_processes(marker)) >= (5 if sandboxed else 3))
        os.kill(gateway.pid, signal.SIGKILL)
    assert eventually(lambda: marked_processes(marker) == [])
