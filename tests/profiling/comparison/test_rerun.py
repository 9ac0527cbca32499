"""Running profiled programs again, by dynogate.profiling.comparison.rerun: real child processes."""

import hashlib
import os
import random
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

from dynogate.errors import NotComparable, OutsideRoots, ToolCancelled
from dynogate.jobs.cancel import CancelToken
from dynogate.jobs.limits import Limits
from dynogate.profiling.capture.line_sampler import Sampling
from dynogate.profiling.comparison.rerun import SideName, Subject, orders
from dynogate.profiling.models import ProfileResult, RunOptions, Target
from tests.profiles import sample_profile


def profile_of(path: Path, text: str, **options: Any) -> ProfileResult:
    """A profile that says ``text`` was run as the script ``path``."""
    target = Target(
        kind="script",
        name=str(path),
        path=str(path),
        source=text,
        sha256=hashlib.sha256(text.encode()).hexdigest(),
    )
    return sample_profile(target=target, options=RunOptions(cpu_only=True, **options))


def script(folder: Path, text: str, name: str = "program.py") -> Path:
    """A script on disk."""
    path = folder / name
    path.write_text(text)
    return path


def subject(profile: ProfileResult, work: Path, **overrides: Any) -> Subject:
    """The profile's program, ready to be run without a sandbox."""
    work.mkdir(exist_ok=True)
    fields: dict[str, Any] = {
        "limits": Limits(timeout_sec=60, grace_sec=1),
        "sandboxed": False,
        "roots": None,
        "repeat": 1,
    }
    return Subject(profile, work, **(fields | overrides))


@pytest.fixture
def place(tmp_path: Path) -> Path:
    """A folder for the program, beside the one for the runs."""
    folder = tmp_path / "program"
    folder.mkdir()
    return folder


@pytest.mark.parametrize("pairs", [1, 2, 5, 8])
def test_two_pairs_after_another_start_with_different_sides(pairs: int) -> None:
    """Forwards and backwards the same, so that even drift cancels."""
    planned = list(orders(pairs, random.Random(1)))
    assert len(planned) == pairs
    assert all(set(order) == set(SideName) for order in planned)
    for first, second in zip(planned[::2], planned[1::2], strict=False):
        assert first == second[::-1]


def test_which_side_starts_is_random() -> None:
    """A fixed order could fall in step with something periodic."""
    planned = list(orders(40, random.Random(1)))
    assert {order[0] for order in planned[::2]} == set(SideName)


def test_the_programs_own_cpu_time_is_measured(tmp_path: Path, place: Path) -> None:
    """A quarter of a second of computing, read by the program itself, without its start-up."""
    text = "import time\nend = time.process_time() + 0.25\nwhile time.process_time() < end: pass\n"
    path = script(place, text)
    timing = subject(profile_of(path, text), tmp_path / "work").time(0)
    assert 0.25 <= timing.cpu_sec < 0.27
    # Two clocks, read one after the other.
    assert timing.wall_sec + timing.queued_sec >= timing.cpu_sec - 0.001
    assert timing.status == 0


def test_a_run_can_be_held_to_one_processor(tmp_path: Path, place: Path) -> None:
    """Two that are timed together share one, with everything they start."""
    processor = max(os.sched_getaffinity(0))
    text = (
        "import os, subprocess, sys\n"
        f"assert os.sched_getaffinity(0) == {{{processor}}}\n"
        "code = 'import os; print(len(os.sched_getaffinity(0)))'\n"
        "assert subprocess.check_output([sys.executable, '-c', code]).split() == [b'1']\n"
    )
    path = script(place, text)
    ready = subject(profile_of(path, text), tmp_path / "work")
    assert ready.time(0, processor=processor).status == 0


def test_sleep_is_wall_clock_and_not_cpu(tmp_path: Path, place: Path) -> None:
    """Neither is it time in the queue for a processor."""
    text = "import time\ntime.sleep(0.3)\n"
    path = script(place, text)
    timing = subject(profile_of(path, text), tmp_path / "work").time(0)
    assert timing.cpu_sec < 0.1
    assert timing.wall_sec > 0.25


def test_child_processes_are_counted(tmp_path: Path, place: Path) -> None:
    """What multiprocessing computes is the program's."""
    text = (
        "import multiprocessing, time\n"
        "def work():\n"
        "    end = time.process_time() + 0.2\n"
        "    while time.process_time() < end: pass\n"
        "if __name__ == '__main__':\n"
        "    jobs = [multiprocessing.Process(target=work) for _ in range(2)]\n"
        "    [job.start() for job in jobs]\n"
        "    [job.join() for job in jobs]\n"
    )
    path = script(place, text)
    assert subject(profile_of(path, text), tmp_path / "work").time(0).cpu_sec > 0.4


@pytest.mark.parametrize(
    ("ending", "status"),
    [("import sys; sys.exit(3)", 3), ("import os; os._exit(4)", 4), ("raise ValueError", 1)],
)
def test_every_way_to_end_is_timed(ending: str, status: int, tmp_path: Path, place: Path) -> None:
    """A program that fails can be compared with one that fails."""
    path = script(place, ending)
    timing = subject(profile_of(path, ending), tmp_path / "work").time(0)
    assert timing.status == status
    assert timing.wall_sec > 0


def test_it_runs_with_the_profiles_arguments_input_and_environment(
    tmp_path: Path, place: Path
) -> None:
    """A program that checks all three and its own name ends well."""
    text = (
        "import os, sys\n"
        "assert sys.argv[1:] == ['--mem', '7'], sys.argv\n"
        "assert sys.stdin.read() == 'input'\n"
        "assert os.environ['MODE'] == 'fast'\n"
        "assert os.environ['PYTHONHASHSEED'] == '5'\n"
        "assert __name__ == '__main__'\n"
        "assert os.path.samefile(sys.path[0], os.path.dirname(__file__))\n"
        "assert os.getcwd() == os.path.dirname(__file__)\n"
    )
    path = script(place, text)
    profile = profile_of(path, text, args=("--mem", "7"), stdin="input", env={"MODE": "fast"})
    assert subject(profile, tmp_path / "work").time(5).status == 0


def test_a_hash_seed_of_the_profile_stays(tmp_path: Path, place: Path) -> None:
    """What was asked for is not overruled."""
    text = "import os\nassert os.environ['PYTHONHASHSEED'] == '42'\n"
    path = script(place, text)
    profile = profile_of(path, text, env={"PYTHONHASHSEED": "42"})
    assert subject(profile, tmp_path / "work").time(5).status == 0


def test_repetition_is_repeated(tmp_path: Path, place: Path) -> None:
    """A snippet that was profiled in a loop is timed in a loop."""
    text = "import os\nos.write(os.open('count', os.O_CREAT | os.O_APPEND | os.O_WRONLY), b'x')\n"
    path = script(place, text)
    subject(profile_of(path, text), tmp_path / "work", repeat=3).time(0)
    assert (place / "count").read_text() == "xxx"


def test_an_unchanged_script_runs_in_place(tmp_path: Path, place: Path) -> None:
    """``__file__`` is its own, and nothing needs a warning."""
    text = f"assert __file__ == {str(place / 'program.py')!r}\n"
    path = script(place, text)
    ready = subject(profile_of(path, text), tmp_path / "work")
    assert ready.warnings == ()
    assert ready.time(0).status == 0


def test_a_changed_script_runs_from_the_text_of_its_profile(tmp_path: Path, place: Path) -> None:
    """The old text is run, beside its neighbours of today, and the reader is told."""
    script(place, "VALUE = 1\n", "neighbour.py")
    text = "import neighbour\nassert neighbour.VALUE == 1\n"
    path = script(place, "raise SystemExit(9)\n")
    ready = subject(profile_of(path, text), tmp_path / "work")
    assert ready.time(0).status == 0
    (warning,) = ready.warnings
    assert "has changed or is gone" in warning


def test_a_script_whose_folder_is_gone_still_runs(tmp_path: Path) -> None:
    """The text in the profile is enough."""
    ready = subject(profile_of(tmp_path / "gone" / "program.py", "pass\n"), tmp_path / "work")
    assert ready.time(0).status == 0


def test_a_snippet_runs_from_its_text(tmp_path: Path) -> None:
    """It never had a file."""
    target = Target(kind="code", name="<code>", path=None, source="x = 1\n", sha256=None)
    profile = sample_profile(target=target, options=RunOptions())
    assert subject(profile, tmp_path / "work").time(0).status == 0


def test_a_module_runs_as_it_is_today(
    tmp_path: Path, place: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Its text is not in the profile, and the reader is told."""
    script(place, "assert __spec__.name == 'tool'\n", "tool.py")
    target = Target(kind="module", name="tool", path=None, source=None, sha256=None)
    monkeypatch.chdir(place)
    ready = subject(sample_profile(target=target, options=RunOptions()), tmp_path / "work")
    assert ready.time(0).status == 0
    assert ready.warnings == ("Module 'tool' was run as it is on disk today.",)


def test_a_script_without_text_cannot_be_run(tmp_path: Path) -> None:
    """A Scalene file of somebody else's program has only its path."""
    target = Target(kind="script", name="/x/y.py", path="/x/y.py", source=None, sha256=None)
    with pytest.raises(NotComparable, match="is not in its profile"):
        subject(sample_profile(target=target), tmp_path / "work")


def test_a_script_outside_the_roots_is_not_run(tmp_path: Path, place: Path) -> None:
    """A stored profile opens no way around the roots."""
    path = script(place, "pass\n")
    with pytest.raises(OutsideRoots):
        subject(profile_of(path, "pass\n"), tmp_path / "work", roots=[tmp_path / "other"])


def test_a_run_over_its_time_limit_says_so(tmp_path: Path, place: Path) -> None:
    """A stopped run is no measurement."""
    text = "while True: pass\n"
    ready = subject(profile_of(script(place, text), text, timeout_seconds=1.0), tmp_path / "work")
    with pytest.raises(NotComparable, match="timed_out"):
        ready.time(0)


def test_a_killed_run_says_so(tmp_path: Path, place: Path) -> None:
    """A crash leaves no measurement."""
    text = "import os\nos.kill(os.getpid(), 9)\n"
    ready = subject(profile_of(script(place, text), text), tmp_path / "work")
    with pytest.raises(NotComparable, match="status -9"):
        ready.time(0)


def test_a_cancelled_run_ends(tmp_path: Path, place: Path) -> None:
    """The caller went away."""
    text = "while True: pass\n"
    ready = subject(profile_of(script(place, text), text), tmp_path / "work")
    cancel = CancelToken()
    cancel.cancel("the client left")
    with pytest.raises(ToolCancelled, match="the client left"):
        ready.time(0, cancel)


BUSY = """\
import time


def burn(seconds):
    end = time.perf_counter() + seconds
    while time.perf_counter() < end:
        pass


burn(0.5)
"""


def test_a_sampled_run_shows_where_the_time_goes(tmp_path: Path, place: Path) -> None:
    """Stacks start at the program's own module and lead to the busy function."""
    ready = subject(profile_of(script(place, BUSY), BUSY), tmp_path / "work")
    stacks = ready.sample(0, Sampling(rate=200))
    hottest = max(stacks, key=lambda stack: stack.count)
    assert [frame.function for frame in hottest.frames] == ["<module>", "burn"]
    assert hottest.frames[0].lineno == 10
    assert sum(stack.count for stack in stacks) > 20


def test_a_copy_of_an_old_text_is_sampled_under_its_old_name(tmp_path: Path, place: Path) -> None:
    """The functions of both sides must be in the same file."""
    path = script(place, "pass\n")
    ready = subject(profile_of(path, BUSY), tmp_path / "work")
    stacks = ready.sample(0, Sampling(rate=200))
    assert {frame.file for stack in stacks for frame in stack.frames} == {str(path)}


def test_waiting_is_seen_where_it_is_asked_for(tmp_path: Path, place: Path) -> None:
    """A slower sleep must be traced to its line."""
    text = "import time\n\n\ndef pause():\n    time.sleep(0.6)\n\n\npause()\n"
    ready = subject(profile_of(script(place, text), text), tmp_path / "work")
    stacks = ready.sample(0, Sampling(rate=100, idle=True))
    assert any(stack.frames[-1].function == "pause" for stack in stacks)


def test_a_sandboxed_run_is_timed_and_sampled(tmp_path: Path, place: Path) -> None:
    """The clock's file and py-spy's document come out of the sandbox; the network does not."""
    text = BUSY + "import socket\nassert socket.if_nameindex() in ([], [(1, 'lo')])\n"
    path = script(place, text)
    ready = subject(
        profile_of(path, text, python=sys.executable), tmp_path / "work", sandboxed=True
    )
    timing = ready.time(0)
    assert timing.status == 0
    assert timing.wall_sec + timing.queued_sec >= 0.5
    assert ready.sample(0, Sampling(rate=200))


def test_without_py_spy_a_run_cannot_be_sampled(
    tmp_path: Path, place: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The reader learns why the functions are not compared."""
    monkeypatch.setattr("dynogate.profiling.capture.line_sampler.find_py_spy", lambda: None)
    monkeypatch.setattr("dynogate.profiling.capture.supervised.find_py_spy", lambda: None)
    ready = subject(profile_of(script(place, "pass\n"), "pass\n"), tmp_path / "work")
    with pytest.raises(NotComparable, match="not installed"):
        ready.sample(0, Sampling())


def test_a_program_that_patches_the_time_is_timed_all_the_same(tmp_path: Path, place: Path) -> None:
    """Tests that freeze the time do so."""
    text = (
        "import time\nspent = time.process_time\nend = spent() + 0.1\n"
        "time.process_time = time.perf_counter = lambda: 0.0\nwhile spent() < end: pass\n"
    )
    path = script(place, text)
    timing = subject(profile_of(path, text), tmp_path / "work").time(0)
    assert 0.05 < timing.cpu_sec < 0.5
    assert timing.wall_sec > 0.05


def test_a_program_that_falsifies_its_clocks_says_so(tmp_path: Path, place: Path) -> None:
    """And is no internal error."""
    text = (
        "import resource, types\n"
        "resource.getrusage = lambda who: types.SimpleNamespace(ru_utime=-100, ru_stime=0)\n"
    )
    path = script(place, text)
    with pytest.raises(NotComparable, match="by its own clocks"):
        subject(profile_of(path, text), tmp_path / "work").time(0)


def test_the_wait_for_a_processor_is_within_the_time(tmp_path: Path, place: Path) -> None:
    """A program that waits for one while its clocks are read still takes time."""
    text = (
        "import pathlib, time\nread = pathlib.Path.read_text\n"
        "def late(self):\n    end = time.process_time() + 0.1\n"
        "    while time.process_time() < end: pass\n    return read(self)\n"
        "pathlib.Path.read_text = late\n"
    )
    path = script(place, text)
    busy = [subprocess.Popen([sys.executable, "-c", "while True: pass"]) for _ in range(3)]
    try:
        for process in busy:
            os.sched_setaffinity(process.pid, {0})
        timing = subject(profile_of(path, text), tmp_path / "work").time(0, processor=0)
    finally:
        for process in busy:
            process.kill()
            process.wait()
    assert timing.queued_sec > 0.1
    assert timing.wall_sec > 0.05


@pytest.mark.usefixtures("child_coverage")
@pytest.mark.parametrize("ending", ["pass", "import os; os._exit(0)", "import os; os.fork()"])
def test_the_clock_is_read_once_and_last(ending: str, tmp_path: Path, place: Path) -> None:
    """By the program itself, whichever way it ends, and not by a child it forked."""
    text = f"{BUSY}{ending}\n"
    ready = subject(profile_of(script(place, text), text), tmp_path / "work")
    timing = ready.time(0, processor=max(os.sched_getaffinity(0)))
    assert timing.wall_sec + timing.queued_sec >= 0.5
