"""What programs see, and which programs can be run."""

import os
import sys
import tempfile
import venv
from pathlib import Path

import pytest

from dynogate.errors import (
    BadInterpreter,
    BadScript,
    ConfigurationError,
    InvalidParams,
    OutsideRoots,
    ScriptNotFound,
)
from dynogate.jobs.sandbox import sandbox_problem
from dynogate.profiling.capture.profiler import ScaleneProfiler
from dynogate.profiling.models import Outcome, RunOptions
from tests.profiling.runs import BUSY, run, write

slow = pytest.mark.slow


@slow
def test_a_program_sees_itself_as_main(tmp_path: Path) -> None:
    """Arguments come literally, Scalene's own among them; path, name and interpreter are real."""
    arguments = ("--a", "--mem", "other.py", "---", "--cpu-only", "-m", "a b", "")
    text = """
    import os, sys
    print(sys.argv[1:])
    print(__name__, __file__ == sys.argv[0], sys.path[0] == os.path.dirname(__file__))
    print(sys.modules["__main__"].__dict__ is globals(), os.getcwd() == sys.path[0])
    print(sys.executable, os.environ.get("LD_PRELOAD"), "program" in sys.modules)
    """
    profile = run(tmp_path, text, args=arguments, include_memory=True, cpu_only=False)
    assert profile.stdout.splitlines() == [
        str(list(arguments)),
        "__main__ True True",
        "True True",
        f"{sys.executable} None False",
    ]


@slow
def test_a_program_reads_its_stdin(tmp_path: Path) -> None:
    """``stdin`` is what the program reads."""
    assert run(tmp_path, "print(input()[::-1])", stdin="abc\n").stdout == "cba\n"


@slow
def test_environment_variables_reach_the_program(tmp_path: Path) -> None:
    """Variables of the call are set; the gateway's own are not."""
    text = "import os\nprint(os.environ['GREETING'], 'DYNOGATE_TEST' in os.environ)\n"
    os.environ["DYNOGATE_TEST"] = "1"
    try:
        profile = run(tmp_path, text, env={"GREETING": "hello"})
    finally:
        del os.environ["DYNOGATE_TEST"]
    assert profile.stdout == "hello False\n"


@pytest.mark.parametrize(
    "name", ["LD_PRELOAD", "PYTHONPATH", "PYTHONSTARTUP", "DYNOGATE_ROOTS", "a=b", "", "TMPDIR"]
)
def test_dangerous_variables_are_refused(tmp_path: Path, name: str) -> None:
    """What changes the loader, the interpreter or the profiler is named and refused."""
    with pytest.raises(InvalidParams, match="env"):
        run(tmp_path, BUSY, env={name: "x"})


@slow
def test_children_run_by_the_real_interpreter(tmp_path: Path) -> None:
    """``sys.executable`` starts Python, not Python under Scalene, with arguments left alone."""
    text = """
    import subprocess, sys
    command = [sys.executable, "-c", "import sys; print(sys.argv, 'scalene' in sys.modules)"]
    print(subprocess.check_output([*command, "--mem"], text=True))
    """
    assert run(tmp_path, text).stdout.strip() == "['-c', '--mem'] False"


@slow
def test_a_snippet_is_looped_until_there_is_something_to_see() -> None:
    """A short snippet runs many times; its lines go by a stable name."""
    code = "total = 0\nfor i in range(20_000):\n    total += i * i\nprint(total)\n"
    profile = ScaleneProfiler().profile_code(code, RunOptions(cpu_only=True))
    assert profile.summary.repeats > 1
    assert [file.file for file in profile.files] == ["code.py"]
    assert profile.stdout == "2666466670000\n"
    assert (profile.target.kind, profile.target.path) == ("code", None)


@slow
def test_a_failing_snippet_is_placed_in_its_text() -> None:
    """Traceback and output name the snippet's stable file, not where it lay."""
    profile = ScaleneProfiler().profile_code("x = 1\nx / 0\n", RunOptions(cpu_only=True))
    error = profile.summary.error
    assert error is not None
    assert (error.type, error.file, error.lineno) == ("ZeroDivisionError", "code.py", 2)
    assert tempfile.gettempdir() not in profile.stderr + error.traceback


@slow
def test_a_module_runs_with_its_package(tmp_path: Path) -> None:
    """``-m`` resolves relative imports and profiles the package's files."""
    write(tmp_path, "", "tool/__init__.py")
    write(tmp_path, BUSY, "tool/work.py")
    write(tmp_path, "from . import work\nimport sys\nprint(sys.argv[1:])\n", "tool/__main__.py")
    profiler = ScaleneProfiler(roots=[tmp_path])
    profile = profiler.profile_module("tool", RunOptions(cpu_only=True, args=("--mem",)))
    assert profile.stdout == "['--mem']\n"
    assert profile.files[0].file.endswith("tool/work.py")


@slow
def test_a_missing_module_is_an_error(tmp_path: Path) -> None:
    """A module that cannot be found is no failed run."""
    with pytest.raises(ScriptNotFound, match="no_such_module"):
        ScaleneProfiler(roots=[tmp_path]).profile_module("no_such_module")


def test_a_module_name_is_checked(tmp_path: Path) -> None:
    """What is no dotted name never reaches an interpreter."""
    with pytest.raises(InvalidParams, match="module name"):
        ScaleneProfiler(roots=[tmp_path]).profile_module("os; import sys")


@slow
def test_another_interpreter_without_scalene(tmp_path: Path) -> None:
    """The error is the command that repairs it."""
    venv.create(tmp_path / "env", with_pip=False, symlinks=True)
    script = write(tmp_path, BUSY)
    python = str(tmp_path / "env")
    with pytest.raises(BadInterpreter, match=r"env/bin/python -m pip install scalene==2\.4\.0"):
        ScaleneProfiler().profile_script(script, RunOptions(python=python))


@slow
def test_another_interpreter_with_scalene(tmp_path: Path) -> None:
    """A virtual environment runs the program itself; its syntax is its own business."""
    venv.create(tmp_path / "env", with_pip=False, symlinks=True)
    (packages,) = (tmp_path / "env" / "lib").glob("python*/site-packages")
    ours = next(path for path in sys.path if path.endswith("site-packages"))
    (packages / "ours.pth").write_text(ours)
    script = write(tmp_path, f"import sys\n{BUSY}print(sys.prefix)\n")
    options = RunOptions(python=str(tmp_path / "env"), cpu_only=True)
    profile = ScaleneProfiler().profile_script(script, options)
    assert profile.stdout.strip() == str(tmp_path / "env")
    broken = write(tmp_path, "def f(:\n    pass\n", "broken.py")
    with pytest.raises(BadScript, match=r"broken\.py:1"):
        ScaleneProfiler().profile_script(broken, options)


@pytest.mark.parametrize("python", ["/bin/ls", "/etc"])
def test_what_is_no_interpreter_is_not_run(tmp_path: Path, python: str) -> None:
    """Only something called python is started."""
    script = write(tmp_path, BUSY)
    with pytest.raises((BadInterpreter, ScriptNotFound)):
        ScaleneProfiler().profile_script(script, RunOptions(python=python))


def test_a_script_outside_the_roots(tmp_path: Path) -> None:
    """A link inside a root does not lead out of it."""
    root = tmp_path / "root"
    root.mkdir()
    outside = write(tmp_path, BUSY, "outside.py")
    (root / "link.py").symlink_to(outside)
    profiler = ScaleneProfiler(roots=[root])
    for path in (root / "link.py", outside, Path("../outside.py")):
        with pytest.raises(OutsideRoots, match="DYNOGATE_ROOTS"):
            profiler.profile_script(path)


def test_a_missing_script(tmp_path: Path) -> None:
    """The path that is not there is named."""
    with pytest.raises(ScriptNotFound, match=r"nothing\.py"):
        ScaleneProfiler(roots=[tmp_path]).profile_script("nothing.py")


@pytest.mark.parametrize(
    ("content", "said"),
    [
        (b"\x7fELF\x00\x01", "binary"),
        (b"caf\xe9 = 1\n", "decoded"),
        (b"# coding: no-such-codec\n", "decoded"),
        (b"def f(:\n    pass\n", r"script\.py:1: .*: def f\(:"),
        (b"x = 1\n" * 1_000_000, "5000000 bytes"),
    ],
)
def test_a_file_that_is_no_python(tmp_path: Path, content: bytes, said: str) -> None:
    """Each kind of wrong file is told by what is wrong with it."""
    script = tmp_path / "script.py"
    script.write_bytes(content)
    with pytest.raises(BadScript, match=said):
        ScaleneProfiler(roots=[tmp_path]).profile_script(script)


def test_a_directory_is_no_script(tmp_path: Path) -> None:
    """A folder is refused as one."""
    with pytest.raises(BadScript, match="directory"):
        ScaleneProfiler(roots=[tmp_path]).profile_script(tmp_path)


def test_a_pipe_is_no_script(tmp_path: Path) -> None:
    """A named pipe is refused without waiting for a writer."""
    os.mkfifo(tmp_path / "pipe.py")
    with pytest.raises(BadScript, match="regular"):
        ScaleneProfiler(roots=[tmp_path]).profile_script(tmp_path / "pipe.py")


@pytest.mark.parametrize(
    ("code", "said"),
    [
        ("", "empty"),
        ("def f(:\n", r"code\.py:1"),
        ("x = '\0'", r"code\.py"),
        ("#" * 5_000_001, "5000000"),
    ],
)
def test_code_that_cannot_run(code: str, said: str) -> None:
    """Snippets are checked before anything starts."""
    with pytest.raises(BadScript, match=said):
        ScaleneProfiler().profile_code(code)


@slow
def test_the_sandbox_hides_what_is_not_the_programs(tmp_path: Path) -> None:
    """A sandboxed program has no network, can't write to its folder, and sees no other one."""
    other = tmp_path / "other"
    other.mkdir()
    text = f"""
    import os, socket
    print(os.path.exists({str(other)!r}))
    for attempt in (lambda: open("new", "w"), lambda: socket.create_connection(("1.1.1.1", 80), 1)):
        try:
            attempt()
        except OSError as error:
            print(type(error).__name__)
    """
    folder = tmp_path / "root"
    profile = run(folder, text)
    assert profile.environment.sandboxed
    assert profile.stdout.split() == ["False", "OSError", "OSError"]


@slow
def test_without_a_sandbox_nothing_is_left_either(tmp_path: Path) -> None:
    """An unsandboxed run leaves none of Scalene's files in /tmp, nor the program's own."""
    text = """
    import os, subprocess, tempfile
    print(os.getpid())
    print(tempfile.mkstemp()[1])
    child = os.fork()
    if child == 0:
        os._exit(0)
    print(child)
    subprocess.run(["true"])
    kept = [bytearray(1 << 20) for _ in range(20)]
    """
    profile = ScaleneProfiler(sandbox=False).profile_script(write(tmp_path, text))
    assert profile.summary.outcome is Outcome.COMPLETED
    pid, temporary, child = profile.stdout.split()
    assert not Path(temporary).parent.exists()
    assert [*Path("/tmp").glob(f"scalene*{pid}"), *Path("/tmp").glob(f"scalene*{child}")] == []


@slow
def test_a_program_may_trace_its_own_memory(tmp_path: Path) -> None:
    """Scalene gives way to tracemalloc: both at once would stop the program for ever."""
    text = """
    import tracemalloc
    tracemalloc.start()
    kept = [[number] * 20 for number in range(60_000)]
    print(tracemalloc.get_traced_memory()[0] > 5_000_000)
    """
    profile = run(tmp_path, text, include_memory=True, cpu_only=False, timeout_seconds=60.0)
    assert profile.summary.outcome is Outcome.COMPLETED
    assert profile.stdout == "True\n"


def test_a_sandbox_that_is_required_and_missing(monkeypatch: pytest.MonkeyPatch) -> None:
    """Where bubblewrap is not to be had, requiring it refuses."""
    sandbox_problem.cache_clear()
    monkeypatch.setenv("PATH", "/nonexistent")
    try:
        with pytest.raises(ConfigurationError, match="bubblewrap"):
            ScaleneProfiler(sandbox=True)
        assert not ScaleneProfiler().sandboxed
    finally:
        sandbox_problem.cache_clear()
