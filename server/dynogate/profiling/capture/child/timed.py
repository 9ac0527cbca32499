"""Runs one program without a profiler, and writes down what the program itself cost.

Started by ``supervisor.py`` (``python timed.py JOB.json READY GO``). The clocks start when the
interpreter is up and the program compiled, so that start-up does not dilute a difference, and are
read as the very last thing of the process.

Python 3.9 syntax and standard library only: any interpreter may be the target.
"""

from __future__ import annotations

import atexit
import json
import os
import pathlib
import resource
import sys
from time import perf_counter, process_time  # as they are now: programs patch the module
from typing import TYPE_CHECKING, NoReturn

if TYPE_CHECKING:
    from dynogate.profiling.capture.child.entry import (
        announce,
        leave_no_trace,
        prepare_process,
        wait_for_sampler,
    )
    from dynogate.profiling.capture.child.program import Program, write_json
else:
    from entry import announce, leave_no_trace, prepare_process, wait_for_sampler
    from program import Program, write_json


def main(argv: list[str]) -> None:
    """Run the job described by the JSON file ``argv[1]``; leaves as the program does."""
    ready, go = int(argv[2]), int(argv[3])
    job = json.loads(pathlib.Path(argv[1]).read_text(encoding="utf-8"))
    prepare_process([])
    leave_no_trace()
    sys.path[:0] = job["sys_path"]
    program = Program(job)
    program.compile()
    announce(ready)
    wait_for_sampler(go, job["wait_sec"])
    if job["processor"] is not None:
        os.sched_setaffinity(0, {job["processor"]})
    Clock(job["output"]).start()
    program.guarded_run()


class Clock:
    """What this process, and the children it waited for, used."""

    def __init__(self, output: str) -> None:
        self._output = output
        self._pid = os.getpid()
        self._exit = os._exit
        self._before: dict[str, float] = {}

    def start(self) -> None:
        """Start the clocks; they are read when the process ends, by ``os._exit`` too."""
        atexit.register(self._write)  # before the program's own, so it runs after them
        os._exit = self._leave_now
        wall = perf_counter()
        self._before = {"wall_sec": wall, **_used()}

    def _leave_now(self, status: int) -> NoReturn:
        self._write()
        self._exit(status)

    def _write(self) -> None:
        if os.getpid() != self._pid:
            return  # a forked child
        now = {**_used(), "wall_sec": perf_counter()}
        cost = {name: now[name] - before for name, before in self._before.items()}
        write_json(self._output, cost)


def _used() -> dict[str, float]:
    """CPU seconds, with those of ended children, and seconds of waiting for a processor.

    ``os.times`` would count in steps of 10 ms. The waiting is the main thread's, the second field
    of ``schedstat`` (the kernel's Documentation/scheduler/sched-stats.rst); 0 where there is none.
    The wall clock starts before these and ends after them, so that it never shows less than the
    waiting within it.
    """
    children = resource.getrusage(resource.RUSAGE_CHILDREN)
    return {
        "cpu_sec": process_time() + children.ru_utime + children.ru_stime,
        "queued_sec": _queued_seconds(),
    }


def _queued_seconds() -> float:
    try:
        return int(pathlib.Path("/proc/self/schedstat").read_text().split()[1]) / 1e9
    except (OSError, IndexError):
        return 0.0


if __name__ == "__main__":
    main(sys.argv)
