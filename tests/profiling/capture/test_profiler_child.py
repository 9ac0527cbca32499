"""The child's own scripts, outside the sandbox, where their coverage can be measured."""

import signal
import sys
import venv
from pathlib import Path

import pytest

from dynogate.errors import BadScript, ScriptNotFound
from dynogate.jobs.limits import Limits
from dynogate.profiling.capture.profiler import ScaleneProfiler
from dynogate.profiling.models import Outcome, ProfileResult, RunOptions
from tests.profiling.runs import BUSY, write

pytestmark = [pytest.mark.slow, pytest.mark.usefixtures("child_coverage")]

FOREVER = "n = 0\nwhile True:\n    n += 1\n"


def profile(folder: Path, text: str, **options: object) -> ProfileResult:
    chosen = RunOptions.model_validate({"cpu_only": True} | options)
    profiler = ScaleneProfiler(sandbox=False, limits=Limits(grace_sec=3.0))
    return profiler.profile_script(write(folder, text), chosen)


def test_a_program_with_threads_children_and_repetition(tmp_path: Path) -> None:
    """Threads are waited for, forks leave the record to their parent, each run starts anew."""
    text = f"""
    import os, threading
    assert "again" not in globals()
    again = True
    threading.Thread(target=lambda: [i * i for i in range(300_000)]).start()
    child = os.fork()
    if child == 0:
        os._exit(0)
    os.waitpid(child, 0)
    os.chdir("/")
    {BUSY.splitlines()[0]}
        i * i
    """
    found = profile(tmp_path, text, repeat=2, include_gpu=True)
    assert (found.summary.outcome, found.summary.repeats) == (Outcome.COMPLETED, 2)
    assert not found.summary.gpu_seen


@pytest.mark.parametrize(
    ("last", "status", "said"),
    [
        ("sys.exit(3)", 3, ""),
        ("sys.exit()", 0, ""),
        ("sys.exit('text')", 1, "text\n"),
        ("os._exit(4)", 4, ""),
        ("raise KeyboardInterrupt", 130, None),
    ],
)
def test_an_exit_has_its_status(tmp_path: Path, last: str, status: int, said: str | None) -> None:
    """Whatever way a program leaves, its status is what it would be without a profiler."""
    found = profile(tmp_path, f"import os, sys\n{BUSY}{last}\n")
    assert found.summary.exit_status == status
    assert said is None or found.stderr == said


def test_an_exception_that_cannot_be_told(tmp_path: Path) -> None:
    """Neither a broken ``__str__`` nor a broken excepthook nor a huge message is in the way."""
    text = """
    import sys
    class Broken(Exception):
        def __str__(self):
            raise ValueError("x" * 100_000)
    def hook(*_):
        raise RuntimeError("the hook failed")
    sys.excepthook = hook
    raise Broken
    """
    found = profile(tmp_path, text)
    assert found.summary.error is not None
    assert found.summary.error.type == "Broken"
    assert "own __str__ failed" in found.summary.error.message


def test_sigterm_at_the_time_limit(tmp_path: Path) -> None:
    """A program without a handler writes its profile and leaves."""
    found = profile(tmp_path, FOREVER, timeout_seconds=6.0)
    assert (found.summary.outcome, found.summary.exit_status) == (Outcome.TIMED_OUT, 143)


@pytest.mark.parametrize("handler", ["signal.SIG_IGN", "lambda *_: None"])
def test_sigterm_that_does_not_end_the_program(tmp_path: Path, handler: str) -> None:
    """The profile is written on SIGTERM, and the sampler's before SIGKILL."""
    text = f"import signal\nsignal.signal(signal.SIGTERM, {handler})\n{FOREVER}"
    found = profile(tmp_path, text, timeout_seconds=6.0)
    assert found.summary.exit_status == -signal.SIGKILL
    assert found.raw
    assert found.line_sampler == "py-spy"


def test_sigterm_in_a_forked_child(tmp_path: Path) -> None:
    """A child that is terminated gives its part to its parent; the handler is inherited."""
    text = """
    import os, signal, time
    def started(handler):
        if handler is not None:
            signal.signal(signal.SIGTERM, handler)
        ready, tell = os.pipe()
        child = os.fork()
        if child == 0:
            os.write(tell, b"x")
            while True:
                time.sleep(0.05)
        os.read(ready, 1)
        os.kill(child, signal.SIGTERM)
        return os.waitstatus_to_exitcode(os.waitpid(child, 0)[1])
    print(started(None), started(lambda *_: os._exit(9)))
    signal.signal(signal.SIGTERM, signal.SIG_DFL)
    """
    assert profile(tmp_path, text).stdout.split() == ["143", "9"]


def test_modules_and_their_absence(tmp_path: Path) -> None:
    """A module runs under its own name; a missing one is an error."""
    write(tmp_path, f"{BUSY}print(__name__, __package__, __spec__.name)\n", "tool/__main__.py")
    profiler = ScaleneProfiler(sandbox=False, roots=[tmp_path])
    found = profiler.profile_module("tool", RunOptions(cpu_only=True))
    assert found.stdout.split() == ["__main__", "tool", "tool.__main__"]
    with pytest.raises(ScriptNotFound):
        profiler.profile_module("tool.nothing", RunOptions(cpu_only=True))


def test_a_snippet_in_a_loop() -> None:
    """Snippets run until a second of CPU time has passed."""
    found = ScaleneProfiler(sandbox=False).profile_code(
        "sum(i * i for i in range(50_000))", RunOptions(cpu_only=True)
    )
    assert found.summary.repeats > 3


def test_an_alarm_set_twice(tmp_path: Path) -> None:
    """``signal.alarm`` gives back what was left of the alarm before."""
    text = "import signal\nsignal.alarm(100)\nprint(signal.alarm(0) > 95)\n"
    assert profile(tmp_path, text + BUSY).stdout == "True\n"


def test_the_programs_own_decorator(tmp_path: Path) -> None:
    """``@profile`` of Scalene's keeps its meaning: only decorated functions are its own lines."""
    text = """
    @profile
    def chosen():
        return sum(i * i for i in range(1_500_000))
    def other():
        return sum(i * i for i in range(1_500_000))
    chosen()
    other()
    """
    found = profile(tmp_path, text)
    assert found.summary.outcome is Outcome.COMPLETED


def test_excluded_files_have_no_lines(tmp_path: Path) -> None:
    """``profile_exclude`` and ``profile_only`` hold for both samplers."""
    write(tmp_path, f"def work():\n    {BUSY.splitlines()[0]}\n        i * i\n", "helper.py")
    text = f"import helper\nhelper.work()\n{BUSY}"
    without = profile(tmp_path, text, profile_exclude="helper")
    assert {Path(file.file).name for file in without.files} == {"script.py"}
    only = profile(tmp_path, text, profile_only="helper")
    assert {Path(file.file).name for file in only.files} == {"helper.py"}


def test_libraries_can_be_profiled(tmp_path: Path) -> None:
    """``profile_all`` gives lines to the standard library, but never to the profiler."""
    text = "import json\nfor _ in range(150):\n    json.dumps(list(range(2000)), indent=1)\n"
    names = {file.file for file in profile(tmp_path, text, profile_all=True).files}
    assert any(name.endswith("json/encoder.py") for name in names)
    assert not [name for name in names if "/scalene/" in name or "/child/" in name]


def test_what_the_interpreter_cannot_compile(tmp_path: Path) -> None:
    """Source that only the target interpreter can judge is judged there."""
    venv.create(tmp_path / "env", with_pip=False, symlinks=True)
    (packages,) = (tmp_path / "env" / "lib").glob("python*/site-packages")
    ours = next(path for path in sys.path if path.endswith("site-packages"))
    (packages / "ours.pth").write_text(ours)
    with pytest.raises(BadScript, match="invalid syntax"):
        profile(tmp_path, "def f(:\n", python=str(tmp_path / "env"))


def test_memory_is_recorded_up_to_os_exit(tmp_path: Path) -> None:
    """With memory profiling on, ``os._exit`` still writes what was recorded."""
    text = f"import os\nkept = [bytearray(1 << 20) for _ in range(30)]\n{BUSY}os._exit(2)\n"
    found = profile(tmp_path, text, cpu_only=False)
    assert found.summary.exit_status == 2
    assert found.summary.max_footprint_mb is not None
    assert found.summary.max_footprint_mb > 20
