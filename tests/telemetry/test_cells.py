import fcntl
import os
import subprocess
import sys
from pathlib import Path

import pytest

from dynogate.telemetry.cells import Cells

ANOTHER = """
import os, signal, sys
from pathlib import Path
from dynogate.telemetry.cells import Cells
cells = Cells(Path(sys.argv[1]))
cells.take("calls", ("echo",), 1, lasting=True)[0] += 2
cells.take("open", (), 1, lasting=False)[0] = 5
print("counted", flush=True)
sys.stdin.read()
os.kill(os.getpid(), signal.SIGKILL)
"""


@pytest.fixture
def another(tmp_path: Path) -> subprocess.Popen[bytes]:
    """A process that counted two calls, has five open, and dies without a word at end of input."""
    command = [sys.executable, "-c", ANOTHER, str(tmp_path)]
    process = subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE)
    assert process.stdout is not None
    assert process.stdout.readline() == b"counted\n"
    process.stdout.close()
    return process


def killed(process: subprocess.Popen[bytes]) -> None:
    assert process.stdin is not None
    process.stdin.close()
    process.wait(20)


def test_processes_see_each_other_at_once(tmp_path: Path, another: subprocess.Popen[bytes]) -> None:
    """Sums are over all of them; a series that only one has is there, too."""
    cells = Cells(tmp_path)
    cells.take("calls", ("echo",), 1, lasting=True)[0] += 1
    cells.take("calls", ("wait",), 1, lasting=True)[0] += 7
    sums = cells.sums()
    pids = cells.processes()
    killed(another)
    cells.close()
    assert sums == {("calls", ("echo",)): [3], ("calls", ("wait",)): [7], ("open", ()): [5]}
    assert pids == {0: another.pid, 1: os.getpid()}


def test_what_a_killed_process_counted_stays(
    tmp_path: Path, another: subprocess.Popen[bytes]
) -> None:
    """Its counts do, what it held does not; SIGKILL costs not one count."""
    cells = Cells(tmp_path)
    killed(another)
    assert cells.sums() == {("calls", ("echo",)): [2]}
    assert cells.processes() == {1: os.getpid()}
    cells.close()


def test_a_new_process_goes_on_where_a_dead_one_stopped(
    tmp_path: Path, another: subprocess.Popen[bytes]
) -> None:
    """It takes the files over: there are never more than there were processes at one time."""
    killed(another)
    cells = Cells(tmp_path)
    assert cells.sums() == {("calls", ("echo",)): [2], ("open", ()): [0]}
    cells.take("calls", ("echo",), 1, lasting=True)[0] += 1
    cells.take("new", (), 1, lasting=True)[0] += 1
    assert cells.sums() == {("calls", ("echo",)): [3], ("open", ()): [0], ("new", ()): [1]}
    assert len(list(tmp_path.iterdir())) == 2
    cells.close()


def test_a_line_that_was_never_finished_is_left_out(tmp_path: Path) -> None:
    """A process may die in the middle of naming a series."""
    cells = Cells(tmp_path)
    cells.take("calls", (), 1, lasting=True)[0] += 1
    cells.close()
    with (tmp_path / "0.series").open("ab") as series:
        series.write(b'[2,1,true,"ha')
    again = Cells(tmp_path)
    again.take("more", (), 1, lasting=True)[0] += 1
    assert again.sums() == {("calls", ()): [1], ("more", ()): [1]}
    reader = Cells(tmp_path)
    assert reader.sums() == again.sums()
    again.close()
    reader.close()


def test_a_process_that_only_begins_is_no_one_yet(tmp_path: Path) -> None:
    """Its file is there before it is anything."""
    cells = Cells(tmp_path)
    begun = os.open(tmp_path / "1.values", os.O_RDWR | os.O_CREAT)
    fcntl.flock(begun, fcntl.LOCK_EX)
    assert cells.processes() == {0: os.getpid()}
    os.close(begun)
    cells.close()


@pytest.mark.parametrize("shared", [True, False])
def test_there_is_room_for_any_number_of_series(tmp_path: Path, shared: bool) -> None:
    """Memory grows by blocks; the next process finds all of them."""
    cells = Cells(tmp_path if shared else None)
    for number in range(2000):
        cells.take("calls", (str(number),), 18, lasting=True)[17] = number
    sums = cells.sums()
    cells.close()
    if shared:
        again = Cells(tmp_path)
        assert again.sums() == sums
        assert again.take("calls", ("one more",), 18, lasting=True).tolist() == [0] * 18
        again.close()
    assert {values[17] for values in sums.values()} == set(range(2000))


@pytest.mark.parametrize("refused", ["posix_fallocate", "write"])
def test_a_full_disk_costs_what_is_shared_and_nothing_else(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, refused: str
) -> None:
    """The process goes on counting for itself, and keeps its place."""

    def full(*_: object) -> None:
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(os, refused, full)
    cells, reader = Cells(tmp_path), Cells(tmp_path)
    cells.take("calls", (), 1, lasting=True)[0] += 1
    assert cells.sums() == {("calls", ()): [1]}
    assert reader.sums() == {}
    cells.close()
    reader.close()


def test_who_lets_go_is_gone(tmp_path: Path) -> None:
    """Though its memory is still mapped."""
    gone = Cells(tmp_path)
    gone.take("open", (), 1, lasting=False)[0] = 5
    cells = Cells(tmp_path)
    gone.close()
    assert cells.sums() == {}
    assert cells.processes() == {1: os.getpid()}
    cells.close()
