"""Processes as /proc shows them."""

import os
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Iterator
from pathlib import Path

import psutil
import pytest

from dynogate.jobs.warden import processes


@pytest.fixture
def sleeper() -> Iterator[subprocess.Popen[bytes]]:
    with subprocess.Popen(["sleep", "60"], env={"MARK": "x1"}, start_new_session=True) as process:
        while Path(f"/proc/{process.pid}/comm").read_text() != "sleep\n":
            time.sleep(0.001)  # between its exec and its new name lies a moment
        yield process
        process.kill()


GONE = 2**22 + 1  # above the highest pid that Linux gives (PID_MAX_LIMIT)


def test_children_of_every_thread_are_found() -> None:
    """The kernel lists children by the thread that made them."""
    made: list[subprocess.Popen[bytes]] = []
    release = threading.Event()

    def make() -> None:
        made.append(subprocess.Popen(["sleep", "60"]))
        release.wait(10)

    thread = threading.Thread(target=make)
    thread.start()
    while not made:
        pass
    found = processes.children(os.getpid())
    release.set()
    thread.join()
    made[0].kill()
    made[0].wait()
    assert made[0].pid in found


def test_descendants_come_after_their_parents() -> None:
    """Grandchildren are found, parents first."""
    with subprocess.Popen(
        ["sh", "-c", "sleep 60 & echo $!; wait"], stdout=subprocess.PIPE
    ) as shell:
        assert shell.stdout is not None
        grandchild = int(shell.stdout.readline())
        found = processes.descendants(os.getpid())
        os.kill(grandchild, signal.SIGKILL)
    assert found.index(shell.pid) < found.index(grandchild)


def test_a_zombie_does_not_run() -> None:
    """It only waits for its parent."""
    pid = os.fork()
    if pid == 0:
        os._exit(0)
    os.waitid(os.P_PID, pid, os.WEXITED | os.WNOWAIT)
    running = processes.is_running(pid)
    os.waitpid(pid, 0)
    assert not running


def test_the_start_agrees_with_psutil(sleeper: subprocess.Popen[bytes]) -> None:
    """Ticks since boot, as psutil turns them into a time."""
    ticks = processes.start_ticks(sleeper.pid)
    assert ticks is not None
    expected = psutil.Process(sleeper.pid).create_time() - psutil.boot_time()
    assert ticks / os.sysconf("SC_CLK_TCK") == pytest.approx(expected, abs=0.05)


def test_memory_agrees_with_psutil() -> None:
    """Resident memory of this very process, in MiB."""
    mine = psutil.Process().memory_info().rss / 2**20
    assert processes.resident_mb([os.getpid()]) == pytest.approx(mine, rel=0.05)


def test_shared_memory_counts_once() -> None:
    """The proportional sizes of parent and child add up to no more than one of them has."""
    source = (
        "import os; x = bytearray(50 * 2**20); os.fork(); print(os.getpid(), flush=True); input()"
    )
    with subprocess.Popen(
        [sys.executable, "-ISc", source], stdin=subprocess.PIPE, stdout=subprocess.PIPE
    ) as program:
        assert program.stdout is not None
        pids = [int(program.stdout.readline()) for _ in range(2)]
        total, _ = processes.proportional_mb(pids)
        separately = processes.resident_mb(pids)
        program.communicate(b"\n\n")
    assert 50 <= total < 75
    assert separately > 100


def test_what_is_gone_has_nothing() -> None:
    """A process may end between being listed and being looked at."""
    assert processes.children(GONE) == []
    assert not processes.is_running(GONE)
    assert processes.start_ticks(GONE) is None
    assert processes.group(GONE) is None
    assert processes.name(GONE) == ""
    assert processes.proportional_mb([GONE]) == (0.0, 0.0)
    assert processes.file_memory_mb(GONE, ["/tmp"]) == 0.0


def test_signals_to_what_is_gone_are_lost() -> None:
    """That is what was wanted."""
    processes.send([GONE], signal.SIGTERM)
    processes.kill_all([GONE], spare_group=os.getpgrp())


def test_a_whole_group_is_killed() -> None:
    """Members that were not listed too: a fork bomb is faster than a list."""
    with subprocess.Popen(
        ["sh", "-c", "sleep 60 & echo $!; wait"], stdout=subprocess.PIPE, start_new_session=True
    ) as shell:
        assert shell.stdout is not None
        unlisted = int(shell.stdout.readline())
        processes.kill_all([shell.pid], spare_group=os.getpgrp())
        shell.stdout.read()  # ends when both have closed it
    assert not processes.is_running(unlisted)


def test_our_own_group_is_spared(sleeper: subprocess.Popen[bytes]) -> None:
    """Only the listed process dies."""
    processes.kill_all([sleeper.pid], spare_group=os.getpgid(sleeper.pid))
    assert sleeper.wait() == -signal.SIGKILL


def test_a_process_is_found_by_its_environment(sleeper: subprocess.Popen[bytes]) -> None:
    """By the whole entry, not by a part of it."""
    assert processes.marked("MARK=x1") == [sleeper.pid]
    assert processes.marked("MARK=x") == []


def test_the_name_of_a_process(sleeper: subprocess.Popen[bytes]) -> None:
    """The program's, without its path."""
    assert processes.name(sleeper.pid) == "sleep"
