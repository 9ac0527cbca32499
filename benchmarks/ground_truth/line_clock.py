"""Run a program with a clock on every line: ``python line_clock.py RESULT.json SCRIPT [SECONDS]``.

Independent of any sampling profiler: each thread's CPU clock is read at every line, call and
return (``sys.settrace``), and the time since the last reading goes to the line that was current,
with what it called outside the program's folder. The clock's own time is taken out. Much slower
than the program itself (``SECONDS`` ends it early); child processes are not seen.
"""

import json
import os
import runpy
import signal
import sys
import threading
from collections import defaultdict
from pathlib import Path
from time import thread_time_ns
from types import FrameType
from typing import Any


class LineClock:
    """CPU nanoseconds by line of the files under ``folder``.

    ``events`` counts how often another line followed, which is what the clock's own time is taken
    out for: around calls and returns it is smaller, and taking out too much would hide a line.
    """

    def __init__(self, folder: str) -> None:
        self.folder = folder
        self.cost_ns: dict[tuple[str, int], int] = defaultdict(int)
        self.events: dict[tuple[str, int], int] = defaultdict(int)
        self._local = threading.local()
        self._ours: dict[str, bool] = {}

    def trace(self, frame: FrameType, event: str, _arg: object) -> Any:
        """The global trace function: decides whether to follow a call."""
        now = thread_time_ns()
        file = frame.f_code.co_filename
        ours = self._ours.get(file)
        if ours is None:
            ours = self._ours[file] = file.startswith(self.folder)
        if not ours:
            return None
        stack = self._stack()
        self._charge(stack, now)
        stack.append((file, frame.f_lineno))
        self._local.last = thread_time_ns()
        return self._step

    def _step(self, frame: FrameType, event: str, _arg: object) -> Any:
        now = thread_time_ns()
        stack = self._stack()
        self._charge(stack, now)
        if event == "return":
            stack.pop()
        elif stack:
            self.events[stack[-1]] += 1
            stack[-1] = (frame.f_code.co_filename, frame.f_lineno)
        self._local.last = thread_time_ns()
        return self._step

    def _stack(self) -> list[tuple[str, int]]:
        try:
            found: list[tuple[str, int]] = self._local.stack
        except AttributeError:
            found = self._local.stack = []
        return found

    def _charge(self, stack: list[tuple[str, int]], now: int) -> None:
        if stack:
            self.cost_ns[stack[-1]] += now - self._local.last


def _calibrate() -> float:
    """Nanoseconds that the clock itself adds to each event: a loop of nothing, per event.

    The least of several tries: taking out too much would make busy lines look idle.
    """
    return min(_event_ns() for _ in range(10))


def _event_ns() -> float:
    clock = LineClock(__file__)

    def idle() -> None:
        x = 0
        for _ in range(5_000):
            x = 1
            x = 2
            x = 3
        del x

    sys.settrace(clock.trace)
    idle()
    sys.settrace(None)
    return sum(clock.cost_ns.values()) / sum(clock.events.values())


def main() -> None:
    """Run the script and write ``[[file, lineno, seconds], ...]``, dearest first."""
    result, script = Path(sys.argv[1]), Path(sys.argv[2]).resolve()
    limit = float(sys.argv[3]) if len(sys.argv) > 3 else 0.0
    own_ns = _calibrate()
    clock = LineClock(str(script.parent))

    def finish(*_: object) -> None:
        sys.settrace(None)
        costs = [
            (ns - own_ns * clock.events[spot], spot) for spot, ns in list(clock.cost_ns.items())
        ]
        rows = [[file, lineno, ns / 1e9] for ns, (file, lineno) in sorted(costs, reverse=True)]
        result.write_text(json.dumps(rows))
        os._exit(0)

    signal.signal(signal.SIGALRM, finish)
    signal.setitimer(signal.ITIMER_REAL, limit)
    sys.argv = [str(script)]
    sys.path[0] = str(script.parent)
    threading.settrace(clock.trace)
    sys.settrace(clock.trace)
    try:
        runpy.run_path(str(script), run_name="__main__")
    finally:
        finish()


if __name__ == "__main__":
    main()
