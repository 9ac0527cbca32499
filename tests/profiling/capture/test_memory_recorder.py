"""The recorder in real programs: what it sees, and that it breaks nothing."""

import json
import subprocess
import sys
from pathlib import Path
from textwrap import dedent, indent
from typing import Any

import pytest

import dynogate.profiling.capture.child
from dynogate.profiling.analysis.leaks import find_leaks
from tests.profiling.runs import run

RECORDER = Path(dynogate.profiling.capture.child.__file__).with_name("memory_recorder.py")

slow = pytest.mark.slow

LOAD = f"""
import importlib.util, os, sys, time
spec = importlib.util.spec_from_file_location("recorder", {str(RECORDER)!r})
recorder = importlib.util.module_from_spec(spec)
spec.loader.exec_module(recorder)
RECORD = sys.argv[1]
recorder.install(RECORD)
began = time.perf_counter()
def seconds():
    return time.perf_counter() - began
"""


def record(
    tmp_path: Path, program: str, *, end: str = "recorder.finish()", status: int = 0
) -> dict[str, Any]:
    """What the recorder wrote about a program, run without Scalene."""
    path = tmp_path / "memory.json"
    script = tmp_path / "program.py"
    script.write_text(LOAD + dedent(program) + "\n" + end + "\n", encoding="utf-8")
    done = subprocess.run(
        [sys.executable, str(script), str(path)], capture_output=True, text=True, timeout=60
    )
    assert done.returncode == status, done.stderr
    assert done.stderr == ""
    written: dict[str, Any] = json.loads(path.read_text()) if path.exists() else {}
    return written


GROWING = """
keep = []
while seconds() < {seconds}:
    keep.append(bytearray(20_000))
    time.sleep(0.001)
"""


def test_growth_opens_windows_that_name_the_line(tmp_path: Path) -> None:
    """The line that keeps what it allocates is what rose."""
    written = record(tmp_path, GROWING.format(seconds=1.0))
    grown = [entry for window in written["windows"] for entry in window["grown"]]
    assert grown
    stack, mb, blocks = max(grown, key=lambda entry: entry[1])
    source = (tmp_path / "program.py").read_text().splitlines()
    assert "keep.append" in source[stack[0][1] - 1]
    assert mb > 0.02
    assert blocks >= 1


def test_what_a_line_frees_again_does_not_rise(tmp_path: Path) -> None:
    """Ten times as much as the line beside it keeps, and not in the record."""
    program = """
    keep = []
    while seconds() < 1.2:
        keep.append(bytearray(20_000))
        scratch = bytearray(200_000)
        time.sleep(0.001)
    """
    written = record(tmp_path, program)
    source = (tmp_path / "program.py").read_text().splitlines()
    risen = {"keep": 0.0, "scratch": 0.0}
    for window in written["windows"]:
        for stack, mb, _ in window["grown"]:
            for name in risen:
                if source[stack[0][1] - 1].strip().startswith(name):
                    risen[name] += mb
    assert risen["keep"] > 0.1
    assert risen["scratch"] < risen["keep"] / 4


def test_a_program_that_does_not_grow_is_never_traced(tmp_path: Path) -> None:
    """Tracing costs; there is nothing to find out."""
    program = """
    time.sleep(0.05)
    while seconds() < 0.8:
        [str(i) for i in range(1000)]
    """
    written = record(tmp_path, program)
    assert written["windows"] == []
    assert len(written["polls"]) > 3


def test_windows_take_a_small_part_of_a_busy_run(tmp_path: Path) -> None:
    """However much it grows."""
    program = """
    keep = {}
    while seconds() < 2.0:
        keep[len(keep)] = [len(keep)] * 20
    """
    written = record(tmp_path, program)
    watched = sum(window["end"] - window["start"] for window in written["windows"])
    assert 0 < watched < 0.5 * written["polls"][-1][0]


def test_memory_from_a_library_has_the_program_s_line_in_its_stack(tmp_path: Path) -> None:
    """Later windows keep more frames where libraries allocate."""
    program = """
    import json
    text = json.dumps([[str(n) * 5] for n in range(200)])
    keep = []
    while seconds() < 2.0:
        keep.append(json.loads(text))
        time.sleep(0.002)
    """
    written = record(tmp_path, program)
    script = str(tmp_path / "program.py")
    stacks = [stack for window in written["windows"] for stack, _, _ in window["grown"]]
    assert any(stack[0][0] != script and script in [file for file, _ in stack] for stack in stacks)


def test_the_record_of_a_killed_program_is_there_up_to_the_last_write(tmp_path: Path) -> None:
    """It is written as the program runs, in one step each time."""
    written = record(
        tmp_path, GROWING.format(seconds=1.5), end="os.kill(os.getpid(), 9)", status=-9
    )
    assert written["polls"][-1][0] > 0.5


@pytest.mark.parametrize("end", ["raise SystemExit(0)", "recorder.finish(); recorder.finish()"])
def test_endings_of_any_kind_are_quiet(tmp_path: Path, end: str) -> None:
    """Without ``finish``, or with two of them, the program ends as it would."""
    record(tmp_path, GROWING.format(seconds=0.3), end=end)


def test_a_second_install_does_nothing(tmp_path: Path) -> None:
    """There is one recorder in a process."""
    written = record(tmp_path, "recorder.install(RECORD + '2')\n" + GROWING.format(seconds=0.2))
    assert written["polls"]
    assert not (tmp_path / "memory.json2").exists()


def test_an_unwritable_record_is_no_reason_to_fail(tmp_path: Path) -> None:
    """The program matters more."""
    program = "import shutil\nshutil.rmtree(os.path.dirname(RECORD))\n"
    assert record(tmp_path, program + GROWING.format(seconds=0.2)) == {}


def test_a_program_s_own_tracing_is_left_alone(tmp_path: Path) -> None:
    """It finds tracemalloc as it left it."""
    program = """
    import tracemalloc
    tracemalloc.start(3)
    """
    check = "assert tracemalloc.is_tracing() and tracemalloc.get_traceback_limit() == 3\n"
    written = record(tmp_path, dedent(program) + GROWING.format(seconds=0.6) + check)
    assert written["windows"] == []


def test_forked_children_are_neither_traced_nor_recorded(tmp_path: Path) -> None:
    """They go on untraced, write nothing, and do not disturb their parent's record."""
    program = """
    keep = []
    children = 0
    while seconds() < 1.5:
        keep.append(bytearray(200_000))
        if len(keep) % 10 == 0:
            child = os.fork()
            if child == 0:
                import _tracemalloc
                recorder.finish()
                os._exit(1 if _tracemalloc.is_tracing() else 0)
            assert os.waitpid(child, 0)[1] == 0
            children += 1
        time.sleep(0.002)
    assert children > 5
    """
    written = record(tmp_path, program)
    assert written["polls"][-1][0] > 1.4


def test_a_program_with_threads_ends_at_once(tmp_path: Path) -> None:
    """The recorder's thread is invisible to ``threading`` and holds up nobody."""
    program = """
    import threading
    assert threading.active_count() == 1
    """
    finish = "t = time.perf_counter(); recorder.finish(); assert time.perf_counter() - t < 3"
    record(tmp_path, program + indent(GROWING.format(seconds=0.5), "    "), end=finish)


BY_HAND = """
recorder.finish()
began = time.perf_counter()
hand = recorder.Recorder(RECORD)
hand._poll()
hand._note_high(hand._polls[0])
"""


def test_steps_poll_watch_and_write(tmp_path: Path) -> None:
    """What the thread does, done by the program itself, with another thread that grows."""
    program = """
    import json, threading
    text = json.dumps([[str(n) * 5] for n in range(200)])
    keep = []
    def grow():
        while seconds() < 2.0:
            keep.append(json.loads(text))
            time.sleep(0.002)
    thread = threading.Thread(target=grow)
    thread.start()
    while seconds() < 2.0:
        hand._step()
        time.sleep(0.02)
    thread.join()
    hand._write()
    """
    written = record(tmp_path, BY_HAND + dedent(program))
    assert len(written["windows"]) > 1
    assert len(written["windows"][-1]["grown"][0][0]) > 1


def test_a_long_run_keeps_a_bounded_record(tmp_path: Path) -> None:
    """Every second poll goes, and polls are half as frequent."""
    program = """
    for _ in range(4100):
        hand._poll()
    assert hand._poll_sec == 2 * recorder.POLL_SEC
    hand._write()
    """
    assert len(record(tmp_path, BY_HAND + dedent(program))["polls"]) < 4000


def test_an_aborted_window_is_no_window(tmp_path: Path) -> None:
    """A fork or the end of the program closes it at once; afterwards windows open again."""
    program = """
    import _tracemalloc
    tracer = hand._tracer
    assert tracer._begin() and _tracemalloc.is_tracing()
    tracer.abort()
    assert not _tracemalloc.is_tracing() and not tracer._open
    tracer.resume()
    assert tracer.watch(0.04, True, lambda: False) is not None
    assert tracer.watch(0.04, False, lambda: True) is None
    tracer.abort()
    tracer.retire()
    assert tracer.watch(0.04, False, lambda: False) is None
    """
    record(tmp_path, BY_HAND + dedent(program))


def test_a_program_that_begins_to_trace_within_a_window_goes_on_tracing(tmp_path: Path) -> None:
    """The recorder gives way."""
    program = """
    tracer = hand._tracer
    assert tracer._begin()
    import tracemalloc
    tracemalloc.start()
    assert not tracer._end() and tracemalloc.is_tracing()
    assert tracer.watch(0.04, False, lambda: False) is None
    """
    record(tmp_path, BY_HAND + dedent(program))


def test_scalene_s_records_are_read_along(tmp_path: Path) -> None:
    """Allocations and frees with time and line; what is no record is passed on all the same."""
    program = """
    class Mapfile:
        texts = [
            "M,1,2097152,0.9,1,0x1,/a.py,7,3,|/a.py;7",
            "F,2,1048576,0.9,1,0x1,/a.py,7,3",
            "M,3,98821,0.9,1,0x1,,-1,-1",
            "",
        ]
        def get_str(self):
            return self.texts.pop(0)
    link = hand._scalene
    link.detach()
    link.attach()
    link._mapfile = mapfile = Mapfile()
    link.attach()
    read = [mapfile.get_str() for _ in range(4)]
    assert len(read) == 4 and read[-1] == ""
    link.detach()
    assert "get_str" not in vars(mapfile)
    hand._write()
    """
    written = record(tmp_path, BY_HAND + dedent(program))
    assert [flow[1:] for flow in written["flows"]] == [[2.0, "/a.py", 7], [-1.0, "/a.py", 7]]
    assert written["sums"] == [["/a.py", 7, 2.0, 1.0]]


def test_without_the_kernel_s_and_the_heap_s_figures_polls_go_on(tmp_path: Path) -> None:
    """Other systems have no ``/proc`` and no ``mallinfo2``."""
    program = """
    hand._heap_info = None
    assert hand._used()[0] > 0 and hand._used()[1] == 0
    hand._statm = hand._schedstat = None
    assert hand._used() == (0.0, 0.0) and hand._queued() == 0
    assert recorder._open("/nowhere") is None
    """
    record(tmp_path, BY_HAND + dedent(program))


@slow
def test_a_leak_beside_ten_times_its_churn_is_found_through_the_profiler(tmp_path: Path) -> None:
    """The leaking line with its true rate; the churning neighbour is not blamed."""
    program = """
    import time
    began = time.perf_counter()
    kept, size = [], 20_000
    while (elapsed := time.perf_counter() - began) < 3:
        kept.append(bytearray(size))
        scratch = bytearray(10 * size)
        time.sleep(0.002)
    print(len(kept) * size / 2**20 / elapsed)
    """
    profile = run(tmp_path, program, cpu_only=False)
    (leak,) = find_leaks(profile)
    assert leak.source.strip() == "kept.append(bytearray(size))"
    assert leak.rate_mb_per_sec == pytest.approx(float(profile.stdout), rel=0.25)


@slow
def test_a_copy_in_a_loop_is_no_leak(tmp_path: Path) -> None:
    """Scalene's own figure for it is 0.97."""
    program = """
    import time
    began = time.perf_counter()
    a = list(range(200_000))
    while time.perf_counter() - began < 2:
        b = a.copy()
    """
    assert find_leaks(run(tmp_path, program, cpu_only=False)) == ()


@slow
def test_tracing_does_not_stop_a_program_that_scalene_samples(tmp_path: Path) -> None:
    """Thousands of different stacks: tracemalloc copies each while it holds its lock."""
    program = """
    import time
    source = "".join(f"def f{i}(k):\\n    k.append([{i}] * 40)\\n" for i in range(3000))
    names = {}
    exec(compile(source, "many.py", "exec"), names)
    functions = [names[f"f{i}"] for i in range(3000)]
    began, kept = time.perf_counter(), []
    while time.perf_counter() - began < 2.5:
        for function in functions:
            function(kept)
        time.sleep(0.02)
    """
    profile = run(tmp_path, program, cpu_only=False, timeout_seconds=60)
    assert profile.summary.outcome.value == "completed"
    assert profile.memory_record is not None
