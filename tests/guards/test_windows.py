import asyncio
import random
import subprocess
import sys
from pathlib import Path
from types import SimpleNamespace

import pytest
from limits.aio.storage import MemoryStorage
from limits.aio.strategies import SlidingWindowCounterRateLimiter

from dynogate.guards.rates import Rate, read_rates
from dynogate.guards.windows import Windows


def rate(text: str) -> Rate:
    return read_rates(text, "client", "DYNOGATE_RATE_LIMIT")[0]


@pytest.mark.parametrize("text", ["1/second", "5/second", "100/second", "30/minute"])
def test_windows_decide_as_limits_does(text: str, monkeypatch: pytest.MonkeyPatch) -> None:
    """Call by call, at random times, against ``limits``' own sliding-window counter in memory."""
    now = 1_700_000_000.0
    clock = SimpleNamespace(time=lambda: now)
    monkeypatch.setattr("limits.aio.storage.memory.time", clock)
    limited, seed = rate(text), random.Random(7)
    oracle = SlidingWindowCounterRateLimiter(MemoryStorage())
    window = Windows().window("alice", limited)
    gap = limited.seconds / limited.amount

    async def compare() -> set[bool]:
        nonlocal now
        seen = set()
        for _ in range(1000):
            now += seed.choice((0.01, 0.3, 0.9, 4.0)) * gap * seed.random()
            allowed = window.take(now)
            assert allowed == await oracle.hit(limited.item, "alice"), now
            seen.add(allowed)
        return seen

    assert asyncio.run(compare()) == {True, False}


@pytest.mark.parametrize("earlier", [[], [9.0] * 4, [9.5] * 3, [9.999, 10.0]])
@pytest.mark.parametrize("start", [10.0, 10.4, 10.999])
def test_after_the_wait_there_is_room_and_not_before(earlier: list[float], start: float) -> None:
    """What Retry-After says is true, in this window and across its end."""
    window = Windows().window("alice", rate("4/second"))
    for now in earlier:
        window.take(now)
    while window.take(start):
        pass
    wait = window.wait_sec(start)
    if wait > 0.01:
        assert not window.take(start + wait - 0.01)
    assert window.take(start + wait)


def test_an_idle_key_starts_afresh() -> None:
    """Two windows later nothing of it is left."""
    window = Windows().window("alice", rate("3/second"))
    assert [window.take(5.0) for _ in range(4)] == [True, True, True, False]
    assert [window.take(7.0) for _ in range(4)] == [True, True, True, False]


def test_a_file_from_before_a_restart_of_the_machine_locks_nobody_out(tmp_path: Path) -> None:
    """Clocks began anew then; what was counted in a far future is forgotten."""
    path = tmp_path / "block"
    before = Windows(path).window("alice", rate("2/second"))
    assert [before.take(1e6) for _ in range(3)] == [True, True, False]
    after = Windows(path).window("alice", rate("2/second"))
    assert [after.take(5.0) for _ in range(3)] == [True, True, False]
    assert after.take(7.0)


def test_a_process_that_is_a_moment_behind_counts_on(tmp_path: Path) -> None:
    """Where another has begun the next window, it does not end it."""
    path = tmp_path / "block"
    ahead = Windows(path).window("alice", rate("2/second"))
    behind = Windows(path).window("alice", rate("2/second"))
    assert ahead.take(10.001)
    assert behind.take(9.999)
    assert not ahead.take(10.002)


def test_memory_is_bounded_and_the_busiest_stay() -> None:
    """Any number of keys share the block; those that were used least give way."""
    windows = Windows(slots=8)
    busy = windows.window("busy", rate("3/minute"))
    assert [busy.take(0.0) for _ in range(4)] == [True, True, True, False]
    for number in range(1000):
        assert windows.window(f"stranger{number}", rate("3/minute")).take(1.0)
    assert not busy.take(2.0)
    assert windows.cells.nbytes == 8 * 4 * 8


def test_a_key_that_gave_way_comes_back_empty() -> None:
    """Its slot belongs to another by then, whose count it must not touch."""
    windows = Windows(slots=8)
    first = windows.window("first", rate("2/minute"))
    assert first.take(0.0)
    others = [windows.window(f"other{number}", rate("2/minute")) for number in range(8)]
    for other in others:
        assert other.take(0.0)
        assert other.take(0.0)
    assert [first.take(0.0) for _ in range(3)] == [True, True, False]


COUNT = """
import sys
from pathlib import Path
from dynogate.guards.windows import Windows
from dynogate.guards.rates import read_rates
window = Windows(Path(sys.argv[1])).window("alice", read_rates("100/hour", "client", "X")[0])
allowed = 0
for _ in range(80):
    allowed += window.take(5.0)
print(allowed)
"""


def test_processes_count_together(tmp_path: Path) -> None:
    """Two workers let as many through as one would."""
    command = [sys.executable, "-c", COUNT, str(tmp_path / "block")]
    allowed = [int(subprocess.check_output(command)) for _ in range(2)]
    assert allowed == [80, 20]
