"""Starting a child process, what it is given, and what comes back."""

import os
import sys
import threading
import time
from pathlib import Path

import psutil
import pytest

from dynogate.errors import ConfigurationError, ScriptNotFound, ToolError
from dynogate.jobs.cancel import CancelToken
from dynogate.jobs.child import ChildEnd, ChildSpec, run_child
from dynogate.jobs.limits import Limits
from dynogate.jobs.sandbox import SandboxSpec
from tests.jobs.conftest import RunPython


def spec(*argv: str, cwd: Path = Path("/"), sandbox: bool = False) -> ChildSpec:
    return ChildSpec(
        argv=argv, cwd=cwd, env={"PATH": os.defpath}, sandbox=SandboxSpec() if sandbox else None
    )


def test_a_program_that_ends_well(python: RunPython) -> None:
    """What it printed and its status come back, and nothing was left over."""
    result = python("import sys; print('out'); print('err', file=sys.stderr)")
    assert (result.end, result.returncode, result.leftovers) == (ChildEnd.EXITED, 0, 0)
    assert (result.stdout, result.stderr) == ("out\n", "err\n")


def test_the_exit_status_comes_back(python: RunPython) -> None:
    """A status that is not zero is no error of ours."""
    assert python("raise SystemExit(3)").returncode == 3


def test_a_death_by_signal_is_a_negative_status(python: RunPython) -> None:
    """As in ``subprocess``, in a sandbox too."""
    result = python("import os, signal; os.kill(os.getpid(), signal.SIGABRT)")
    assert (result.end, result.returncode) == (ChildEnd.EXITED, -6)


def test_the_environment_is_complete(python: RunPython) -> None:
    """Nothing of the gateway's environment is inherited; one variable marks the job."""
    result = python("import os; print(sorted(os.environ))")
    names = set(eval(result.stdout)) - {"LC_CTYPE", "PWD"}  # Python and bwrap set these
    assert names == {"PATH", "DYNOGATE_JOB"}


def test_words_that_are_no_text_arrive_as_they_are(python: RunPython, tmp_path: Path) -> None:
    """File names on Linux are bytes; Python carries what is not UTF-8 as surrogates."""
    cwd = tmp_path / os.fsdecode(b"caf\xe9")
    cwd.mkdir()
    result = python("import os; print(ascii(os.getcwdb()[-4:]))", cwd=cwd, writable=(tmp_path,))
    assert result.stdout == "b'caf\\xe9'\n"


def test_standard_input_is_read_to_its_end(python: RunPython) -> None:
    """A megabyte goes in without a deadlock, although the program prints as much meanwhile."""
    result = python(
        "import sys; data = sys.stdin.read(); print('x' * 10**6); print(len(data))",
        stdin=b"y" * 10**6,
    )
    assert result.stdout.endswith("\n1000000\n")


def test_no_standard_input_is_end_of_file_at_once(python: RunPython) -> None:
    """A program that asks a question does not wait for an answer."""
    result = python("input('name? ')")
    assert "EOFError" in result.stderr


def test_output_is_bounded_with_head_and_tail(python: RunPython) -> None:
    """200 MB printed at once neither block the program nor fill our memory."""
    before = psutil.Process().memory_info().rss
    result = python(
        """
        import os
        os.write(1, b'first\\n')
        for _ in range(200): os.write(1, b'z' * 1_000_000)
        os.write(1, b'\\nlast\\n')
        """,
        limits=Limits(output_bytes=2000),
    )
    assert result.stdout.startswith("first\nzzz")
    assert result.stdout.endswith("zzz\nlast\n")
    assert "[... 199,998,012 bytes left out ...]" in result.stdout
    assert psutil.Process().memory_info().rss - before < 20 * 2**20


def test_a_program_that_closes_its_output_runs_on(python: RunPython) -> None:
    """The end of the output is not the end of the program."""
    result = python("import os, time; os.close(1); os.close(2); time.sleep(0.2); os._exit(7)")
    assert result.returncode == 7
    assert result.elapsed_sec >= 0.2


def test_a_program_may_delete_its_working_directory(python: RunPython, tmp_path: Path) -> None:
    """It is the program's loss only."""
    cwd = tmp_path / "work"
    cwd.mkdir()
    result = python(
        "import os, shutil; shutil.rmtree(os.getcwd(), ignore_errors=True); print(os.listdir('/'))",
        cwd=cwd,
        writable=(tmp_path,),
    )
    assert result.returncode == 0
    assert not cwd.exists()


def test_the_start_is_told_with_the_pid_of_the_command(python: RunPython, marker: str) -> None:
    """Another profiler can attach to this pid from outside, sandbox or not."""
    seen: list[list[str]] = []
    python(
        "import time; time.sleep(0.3)",
        on_start=lambda pid: seen.append(psutil.Process(pid).cmdline()),
    )
    assert len(seen) == 1
    assert seen[0][0] == sys.executable
    assert seen[0][-1] == marker


def test_the_time_is_told_while_it_runs(plain_python: RunPython) -> None:
    """``on_tick`` gets growing seconds."""
    ticks: list[float] = []
    plain_python("import time; time.sleep(0.8)", on_tick=ticks.append)
    assert len(ticks) >= 3
    assert ticks == sorted(ticks)


def test_cpu_time_counts_the_whole_tree(python: RunPython) -> None:
    """Children, and orphans that nobody of the job waited for, are in the sum."""
    result = python(
        """
        import os, time
        def burn():
            while time.process_time() < 0.3: pass
        if os.fork() == 0:
            if os.fork() == 0:
                os.setsid(); burn(); os.write(1, b'x'); os._exit(0)
            os._exit(0)
        os.wait()
        burn()
        time.sleep(1.5)
        """
    )
    assert result.stdout == "x"
    assert 0.6 <= result.cpu_sec < 1.2


def test_the_peak_of_memory_is_of_the_whole_tree(python: RunPython) -> None:
    """Two processes with 60 MB each make 120 MB."""
    result = python(
        """
        import os, time
        pid = os.fork()
        data = bytearray(60 * 2**20)
        time.sleep(0.6)
        if pid: os.wait()
        """
    )
    assert 120 <= result.max_rss_mb < 170


@pytest.mark.parametrize("sandbox", [False, True])
def test_a_missing_executable_is_named(sandbox: bool) -> None:
    """The error says which file is not there."""
    with pytest.raises(ScriptNotFound, match="'/no/such/program' does not exist"):
        run_child(spec("/no/such/program", sandbox=sandbox))


@pytest.mark.parametrize("sandbox", [False, True])
def test_a_missing_working_directory_is_named(sandbox: bool) -> None:
    """The error says which folder is not there."""
    with pytest.raises(ScriptNotFound, match="working directory '/no/such/folder'"):
        run_child(spec("/bin/true", cwd=Path("/no/such/folder"), sandbox=sandbox))


@pytest.mark.parametrize("sandbox", [False, True])
def test_a_file_that_is_no_program_is_refused(sandbox: bool) -> None:
    """The error says why it cannot be executed."""
    with pytest.raises(ToolError, match=r"cannot be executed: .*Permission denied"):
        run_child(spec("/etc/passwd", sandbox=sandbox))


def test_a_sandbox_that_cannot_be_set_up_is_a_matter_of_configuration() -> None:
    """Bubblewrap's own words come back."""
    bad = ChildSpec(
        argv=("/bin/true",), cwd=Path("/"), env={}, sandbox=SandboxSpec(devices=(Path("/dev/fd"),))
    )
    with pytest.raises(ConfigurationError, match="could not be set up: bwrap: Can't"):
        run_child(bad)


@pytest.mark.parametrize(
    "env",
    [{"A": "x\0--bind\0/\0/"}, {"A\0B": "x"}, {"A": "\ud800"}, {"A=B": "x"}, {"": "x"}],
    ids=ascii,
)
@pytest.mark.parametrize("sandbox", [None, SandboxSpec()], ids=["plain", "sandboxed"])
def test_an_environment_that_cannot_be_is_refused(
    env: dict[str, str], sandbox: SandboxSpec | None
) -> None:
    """Before it can become an option of bubblewrap's that opens the sandbox."""
    bad = ChildSpec(argv=("/bin/true",), cwd=Path("/"), env=env, sandbox=sandbox)
    with pytest.raises(ToolError, match=r"no program can be given|cannot be the name"):
        run_child(bad)


def test_an_error_of_a_callback_ends_the_job(plain_python: RunPython) -> None:
    """The job is killed before the error comes out; the marker fixture looks for it."""

    def fail(_: int) -> None:
        raise LookupError("from the callback")

    began = time.monotonic()
    with pytest.raises(LookupError, match="from the callback"):
        plain_python("import time; time.sleep(60)", on_start=fail)
    assert time.monotonic() - began < 10


def test_a_cancel_while_it_runs(python: RunPython, tmp_path: Path) -> None:
    """The program is asked to stop, and what it then prints is kept."""
    cancel = CancelToken()
    ready = tmp_path / "ready"
    result = python(
        f"""
        import signal, sys, time
        def stop(*_): print('partial'); sys.exit(5)
        signal.signal(signal.SIGTERM, stop)
        print('begun')
        open({str(ready)!r}, 'w').close()
        time.sleep(60)
        """,
        writable=(tmp_path,),
        cancel=cancel,
        on_tick=lambda _: cancel.cancel("enough") if ready.exists() else None,
    )
    assert (result.end, result.returncode) == (ChildEnd.CANCELLED, 5)
    assert result.stdout == "begun\npartial\n"


def test_a_cancel_before_the_start(python: RunPython) -> None:
    """It ends at once, without waiting out a grace time."""
    cancel = CancelToken()
    cancel.cancel("never mind")
    result = python("import time; time.sleep(60)", cancel=cancel)
    assert result.end == ChildEnd.CANCELLED
    assert result.elapsed_sec < 1.5


def test_twenty_at_once(plain_python: RunPython) -> None:
    """Each gets its own result, from its own thread."""
    results: dict[int, str] = {}

    def one(number: int) -> None:
        results[number] = plain_python(f"print({number})").stdout

    threads = [threading.Thread(target=one, args=(number,)) for number in range(20)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert results == {number: f"{number}\n" for number in range(20)}


def test_no_file_descriptor_stays_open(python: RunPython) -> None:
    """A gateway that runs for months does not run out of them."""
    python("pass")
    before = psutil.Process().num_fds()
    python("pass")
    assert psutil.Process().num_fds() == before
