"""Actions and probes on the gateway's process, disk, clock and sockets, on a real rig."""

import time
from collections.abc import Callable, Iterator

import pytest

from chaos.actions import callers, clock, disk, files, overload, processes, sockets, tasks
from chaos.probes import callers as accounts
from chaos.probes import clock as clocks
from chaos.probes import disk as disks
from chaos.probes import files as opened
from chaos.probes import overload as overloads
from chaos.probes import processes as seen
from chaos.probes import shortage as calls
from chaos.probes import sockets as held
from chaos.probes import tasks as told
from chaos.rig.rig import Rig
from dynogate.errors import RigFailed

SETTINGS = {"toolsets": "chaos.toolset:toolset,chaos.work:toolset", "head_timeout_sec": 1}


@pytest.fixture(scope="module")
def standing() -> Iterator[Rig]:
    with Rig(settings=SETTINGS, volume_mb=8, clock=True) as rig:
        yield rig


@pytest.fixture
def rig(standing: Rig) -> Rig:
    """Whose gateway runs, and whose activities have done nothing yet."""
    processes.start_gateway()
    standing.notes.clear()
    return standing


def test_a_disk_is_filled_and_given_back(rig: Rig) -> None:
    """To the last byte, as a write of our own proves; calls and health say what is the matter."""
    assert not disks.refuses("ENOSPC")["bit"]
    assert disk.fill() > 4 * 2**20
    assert disks.refuses("ENOSPC")["bit"]
    full = calls.told("rest", calls=2)
    assert (full["typed"], full["other"]) == (2, 0)
    assert calls.unready("store", "is full")["said"] == 1
    assert calls.unready("store", "something else", within=0)["said"] == 0
    assert disk.empty()
    assert calls.ready_again(5)["seconds"] < 5
    assert calls.told("rest", calls=2)["ok"] == 2


def test_a_disk_is_made_read_only_and_writable(rig: Rig) -> None:
    """Twice writable is writable."""
    disk.make_read_only()
    assert disks.refuses("EROFS")["bit"]
    with pytest.raises(RigFailed, match="Read-only"):
        disk.fill()
    assert disk.make_writable()
    assert disk.make_writable()
    assert not disks.refuses("EROFS")["bit"]


def test_a_clock_is_set_for_the_gateway_only(rig: Rig) -> None:
    """As the gateway itself tells; what goes by time that passes does not notice."""
    before = time.time()
    clock.set_ahead(-3600)
    assert clocks.is_off(-3600)["bit"]
    assert not clocks.is_off(0, within=0)["bit"]
    assert time.time() - before < 60
    clock.set_right()
    assert clocks.is_off(0)["bit"]
    assert clocks.deadline(3600, asked_sec=0.4)["kept"] == 1
    clock.set_right()


def test_bad_sockets_are_held_and_let_go(rig: Rig) -> None:
    """The kernel tells which of them the gateway has; it closes them in its time."""
    sockets.open_bad({"no bytes": 3, "slow head": 2})
    assert held.are_held(5)["bit"]
    assert not held.are_held(6, within=0)["bit"]
    assert held.memory()["grown_mb"] < 100
    fates = held.are_closed(5)
    assert fates["held"] == 0
    assert 0.9 < fates["slow head"] < 4
    assert sockets.close_bad()
    with pytest.raises(RigFailed, match="there is no kind"):
        sockets.open_bad({"angry": 1})  # type: ignore[dict-item]


def test_files_are_used_up_and_given_back(rig: Rig) -> None:
    """A connection that was kept is served meanwhile, and a new one is not."""
    assert not opened.are_used_up()["bit"]
    files.keep_connection()
    files.limit(spare=3)
    sockets.open_bad({"no bytes": 6})
    assert opened.are_used_up()["bit"]
    assert calls.unready("files", "too many files")["said"] == 1
    assert calls.told("work", {"seconds": 0})["typed"] == 1
    sockets.close_bad()
    assert files.restore() > 100
    assert calls.ready_again(10)["seconds"] < 10


def test_tasks_are_followed_to_their_end(rig: Rig) -> None:
    """Also in the store."""
    tasks.start_tasks([0.0, 0.1], tool="rest")
    tasks.wait_for_task("completed")
    assert told.fates(10) == {"all": 2, "finished": 2, "failed": 0, "unaccounted": 0}


def test_what_is_lost_when_a_gateway_stops_is_found_out(rig: Rig) -> None:
    """Nothing, as every call that it began is answered; the store is whole, and no process left."""
    assert callers.start_callers(4, 0.2) >= 2
    assert processes.stop_gateway(15) == seen.exit_status() == 0
    assert seen.killed_gateway()["bit"]
    assert seen.left_behind(5)["left"] == 0
    account = accounts.account()
    assert account["in_flight"] >= 1
    assert account["lost"] == 0
    assert callers.stop_callers()


def test_a_gateway_is_killed_and_started_again(rig: Rig) -> None:
    """By SIGKILL, which is seen; a second server process it does not have."""
    with pytest.raises(RigFailed, match="set workers to 2"):
        processes.kill_server()
    first = processes.kill_gateway()
    assert seen.killed_gateway()["bit"]
    assert processes.start_gateway() != first


@pytest.mark.parametrize(
    "ask",
    [
        seen.killed_server,
        seen.exit_status,
        accounts.account,
        held.memory,
        lambda: held.are_held(1),
        lambda: told.fates(0),
        clocks.tokens,
        lambda: overload.overload(1, 3, 1, 1),
        lambda: overloads.was_overloaded(3),
    ],
)
def test_a_question_about_what_was_not_done_is_a_failure(
    rig: Rig, ask: Callable[[], object]
) -> None:
    """Never a good answer."""
    with pytest.raises(RigFailed):
        ask()
