"""How programs end, and what is told of it."""

import signal
import threading
from pathlib import Path

import pytest

from dynogate.jobs.cancel import CancelToken
from dynogate.jobs.limits import Limits
from dynogate.profiling.capture.profiler import ScaleneProfiler
from dynogate.profiling.models import Outcome, ProfileResult, RunOptions
from tests.profiling.runs import BUSY, run, write

pytestmark = pytest.mark.slow

FOREVER = "n = 0\nwhile True:\n    n += 1\n"
LONG_ENOUGH = 6.0
"""Seconds in which interpreter and profiler have started even on a crowded machine."""


@pytest.fixture(scope="module")
def raised(tmp_path_factory: pytest.TempPathFactory) -> ProfileResult:
    text = f"""
    import json

    def parse(text):
        return json.loads(text)

    {BUSY.splitlines()[0]}
        i * i
    parse("{{")
    """
    return run(tmp_path_factory.mktemp("raised"), text)


def test_an_exception_still_gives_a_profile(raised: ProfileResult) -> None:
    """A program that raised is FAILED with status 1 and has its hot lines."""
    assert (raised.summary.outcome, raised.summary.exit_status) == (Outcome.FAILED, 1)
    assert raised.files[0].cpu_percent > 80


def test_the_traceback_is_the_authors_own(raised: ProfileResult) -> None:
    """It begins at the script's first frame, like the interpreter's, and is on stderr, too."""
    error = raised.summary.error
    assert error is not None
    assert error.type == "JSONDecodeError"
    first = error.traceback.splitlines()[1]
    assert "script.py" in first
    assert "<module>" in first
    assert "scalene" not in error.traceback
    assert raised.stderr.strip() == error.traceback.strip()


def test_the_place_is_the_scripts(raised: ProfileResult) -> None:
    """An error raised in a library is placed at the script's line that called it."""
    error = raised.summary.error
    assert error is not None
    assert error.file is not None
    assert error.file.endswith("script.py")
    assert error.lineno == 5


def test_exit_status_and_message_of_sys_exit(tmp_path: Path) -> None:
    """``sys.exit("text")`` prints the text and leaves with 1, as the interpreter does."""
    profile = run(tmp_path, f"import sys\n{BUSY}sys.exit('no config')\n")
    assert (profile.summary.outcome, profile.summary.exit_status) == (Outcome.FAILED, 1)
    assert profile.stderr.strip() == "no config"
    assert profile.summary.error is None


def test_exit_status_that_looks_like_a_signal(tmp_path: Path) -> None:
    """A status above 128 is a status, in the sandbox, too."""
    profile = run(tmp_path, f"import sys\n{BUSY}sys.exit(139)\n")
    assert (profile.summary.outcome, profile.summary.exit_status) == (Outcome.FAILED, 139)


def test_os_exit_runs_no_finally(tmp_path: Path) -> None:
    """``os._exit`` leaves at once with its status, and the profile is still written."""
    text = f"""
    import os
    {BUSY.splitlines()[0]}
        i * i
    try:
        os._exit(4)
    finally:
        print("finally", flush=True)
    """
    profile = run(tmp_path, text)
    assert (profile.summary.outcome, profile.summary.exit_status) == (Outcome.FAILED, 4)
    assert profile.stdout == ""
    assert profile.raw


def test_a_segfault_is_placed(tmp_path: Path) -> None:
    """A crash has its signal, the line that caused it, and the lines that were hot until then."""
    profile = run(tmp_path, f"import ctypes\n{BUSY}ctypes.string_at(0)\n")
    summary = profile.summary
    assert (summary.outcome, summary.exit_status) == (Outcome.CRASHED, -signal.SIGSEGV)
    assert summary.error is not None
    assert (summary.error.type, summary.error.lineno) == ("SIGSEGV", 4)
    assert profile.line_sampler == "py-spy"


def test_a_program_killed_outright_still_has_lines(tmp_path: Path) -> None:
    """SIGKILL leaves nothing of Scalene's, but the line sampler saw what ran."""
    text = f"import os, signal\n{BUSY}os.kill(os.getpid(), signal.SIGKILL)\n"
    profile = run(tmp_path, text)
    assert (profile.summary.outcome, profile.summary.exit_status) == (Outcome.CRASHED, -9)
    assert profile.files[0].cpu_percent > 80


@pytest.fixture(scope="module")
def timed_out(tmp_path_factory: pytest.TempPathFactory) -> ProfileResult:
    return run(tmp_path_factory.mktemp("forever"), FOREVER, timeout_seconds=LONG_ENOUGH)


def test_a_timeout_keeps_what_was_seen(timed_out: ProfileResult) -> None:
    """At its time limit a program is stopped and has its profile until then."""
    assert timed_out.summary.outcome is Outcome.TIMED_OUT
    assert timed_out.files[0].cpu_percent > 80
    assert any("time limit" in note for note in timed_out.summary.notes)


def test_scalene_writes_its_profile_at_a_timeout(timed_out: ProfileResult) -> None:
    """A program that ends on SIGTERM has Scalene's part, too."""
    assert timed_out.raw


def test_a_program_that_ignores_sigterm_has_its_profile_too(tmp_path: Path) -> None:
    """It is killed after the grace time; Scalene's part is written on SIGTERM all the same."""
    ignoring = "import signal\nsignal.signal(signal.SIGTERM, signal.SIG_IGN)\n"
    profile = run(tmp_path, ignoring + FOREVER, timeout_seconds=LONG_ENOUGH)
    assert profile.summary.outcome is Outcome.TIMED_OUT
    assert profile.files[0].cpu_percent > 80
    assert profile.raw


def test_a_handler_of_sigterm_is_the_programs(tmp_path: Path) -> None:
    """A program's own handler runs, and its status counts."""
    text = f"""
    import os, signal
    def leave(*_):
        print("handled")
        raise SystemExit(7)
    signal.signal(signal.SIGTERM, leave)
    {BUSY.splitlines()[0]}
        i * i
    os.kill(os.getpid(), signal.SIGTERM)
    """
    profile = run(tmp_path, text)
    assert (profile.stdout.strip(), profile.summary.exit_status) == ("handled", 7)


def test_alarm_reaches_the_program(tmp_path: Path) -> None:
    """Scalene's own timer does not take a program's SIGALRM away."""
    text = """
    import signal
    rung = []
    signal.signal(signal.SIGALRM, lambda *_: rung.append(1))
    signal.alarm(1)
    while not rung:
        pass
    print("rung")
    """
    assert run(tmp_path, text, timeout_seconds=30.0).stdout.strip() == "rung"


def test_cancelling_keeps_what_was_seen(tmp_path: Path) -> None:
    """A cancelled run ends soon and says so."""
    script = write(tmp_path, FOREVER)
    cancel, progress = CancelToken(), threading.Event()

    def on_progress(elapsed: float, limit: float | None, message: str) -> None:
        progress.set()
        if elapsed > LONG_ENOUGH / 2:
            cancel.cancel("enough")

    profile = ScaleneProfiler().profile_script(
        script, RunOptions(cpu_only=True), cancel=cancel, on_progress=on_progress
    )
    assert progress.is_set()
    assert profile.summary.outcome is Outcome.CANCELLED


def test_a_limit_is_named(tmp_path: Path) -> None:
    """A program over its memory limit is stopped, and the note says which limit it was."""
    text = "kept = []\nwhile True:\n    kept.append(bytearray(1 << 22))\n"
    script = write(tmp_path, text)
    profiler = ScaleneProfiler(limits=Limits(memory_mb=400))
    profile = profiler.profile_script(script, RunOptions(cpu_only=True))
    assert profile.summary.outcome is Outcome.LIMIT_EXCEEDED
    assert any("limit of memory" in note for note in profile.summary.notes)


def test_a_run_too_short_says_what_to_do(tmp_path: Path) -> None:
    """A program of a millisecond is no empty success: the note names ``repeat``."""
    profile = run(tmp_path, "print(sum(range(1000)))\n")
    assert profile.summary.outcome is Outcome.TOO_SHORT
    assert "repeat" in profile.summary.notes[0]


def test_an_idle_program_is_not_too_short(tmp_path: Path) -> None:
    """A program that only waits has completed; there is just no CPU time to speak of."""
    profile = run(tmp_path, "import time\ntime.sleep(0.8)\n")
    assert profile.summary.outcome is Outcome.COMPLETED


def test_repetition_makes_a_short_program_visible(tmp_path: Path) -> None:
    """``repeat`` runs it in one process, prints its output once, and gives the time of one run."""
    text = """
    def work():
        total = 0
        for i in range(20_000):
            total += i * i
        return total
    print(work(), __name__)
    """
    profile = run(tmp_path, text, repeat=150)
    assert profile.summary.outcome is Outcome.COMPLETED
    assert profile.summary.repeats == 150
    assert profile.stdout.count("__main__") == 1
    assert any("150 times" in note for note in profile.summary.notes)
    assert profile.files[0].cpu_percent > 60
