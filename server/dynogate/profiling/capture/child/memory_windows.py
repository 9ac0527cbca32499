"""What the memory recorder asks of tracemalloc and of Scalene; see ``memory_recorder.py``.

Python 3.9 syntax, standard library and Scalene only: any interpreter may be the target.
"""

from __future__ import annotations

import _thread
import contextlib
import importlib
import os
import sys
import sysconfig
import time
from typing import TYPE_CHECKING, Any, Callable, Optional, TypedDict

try:
    import _tracemalloc
except ImportError:  # not CPython
    _tracemalloc = None  # type: ignore[assignment]  # a module that only some interpreters have

MB = 1048576.0
MAX_FLOWS = 40_000  # records kept with their time; beyond it only their sums
MAX_TRACES = 24_000  # live blocks in a window; a snapshot of them takes about 10 ms
TRACE_BYTES = 50  # what tracemalloc needs for a block (measured on 3.11)
FRAMES = 12  # enough to get from a library's innermost frame to the program's own line; three
# times as slow as one frame, so only where libraries allocate more than LIBRARY_SHARE of the growth
LIBRARY_SHARE = 0.2
LINES_KEPT = 24  # stacks kept of each window, by growth
STEP_SEC = 0.01  # each step takes the interpreter's lock from the program for a moment
PATIENCE = 3  # a busy program's window lasts at most so many times as long as it is to
FEW_STEPS = 3

if TYPE_CHECKING:
    Stack = tuple[tuple[str, int], ...]  # innermost frame first
    Held = dict[Stack, list[int]]  # bytes and blocks
    Grown = tuple[list[list[Any]], float, int]  # stack, MB, blocks

    class Window(TypedDict):
        """One look: when, what was held at its end, and what had risen until then."""

        start: float
        end: float
        held_mb: float
        grown: list[Grown]


class Tracer:
    """Opens tracemalloc's windows, with Scalene's sampler paused meanwhile."""

    def __init__(self, scalene: ScaleneLink, now: Callable[[], float]) -> None:
        self._scalene = scalene
        self._now = now
        self._gate = _thread.allocate_lock()  # held while a window opens or closes
        self._open = self._retired = self._aborted = False
        self.frames = 1
        self._hidden = (
            os.path.dirname(os.path.abspath(__file__)) + os.sep,
            scalene.folder + os.sep,
        )
        paths = sysconfig.get_paths()
        wanted = ("stdlib", "platstdlib", "purelib", "platlib")
        self._libraries = ("<", *(paths[name] + os.sep for name in wanted))
        self._start = getattr(_tracemalloc, "start", None)

    def give_way(self) -> None:
        """Pause Scalene for good when the program itself starts tracemalloc.

        Both at once stop a program for ever: Scalene's walk of the stack inside an allocation
        makes objects, and tracemalloc, which holds its lock just then, wants to see them.
        """
        if self._start is None:
            return
        start = self._start

        def starting(*arguments: Any) -> None:
            self._scalene.pause()
            start(*arguments)

        _tracemalloc.start = starting

    def watch(self, length: float, busy: bool, stopped: Callable[[], bool]) -> Optional[Window]:
        """What each stack retained over a window; None where that can't be told.

        A window is over after ``length`` CPU seconds of a busy program, else after ``length``
        seconds: a program that waits for a CPU does nothing that could be seen.
        """
        if not self._begin():
            return None
        try:
            start = self._now()
            snapshots = self._snapshots(start, length, busy, stopped)
            end = self._now()
            if not self._end() or len(snapshots) < 4:
                return None
            held = [self._held(traces) for traces in snapshots]
            snapshots = []
            grown = self._grown(held)
            self._choose_depth(grown)
            return {
                "start": round(start, 4),
                "end": round(end, 4),
                "held_mb": sum(size for size, _ in held[-1].values()) / MB,
                "grown": grown,
            }
        finally:
            # Not before the snapshots are gone: Scalene would count them as freed, never taken.
            snapshots = held = []
            self._end()
            self._resume_sampling()

    def _snapshots(
        self, start: float, length: float, busy: bool, stopped: Callable[[], bool]
    ) -> list[Any]:
        """All live blocks at the quarters of a window."""
        clocks = [(self._now, start, length * (PATIENCE if busy else 1))]
        if busy:
            clocks.append((time.process_time, time.process_time(), length))
        snapshots: list[Any] = []
        while self._open and len(snapshots) < 4 and not stopped():
            part = (len(snapshots) + 1) / 4
            early = all(clock() < begun + part * span for clock, begun, span in clocks)
            if early and _tracemalloc.get_tracemalloc_memory() < MAX_TRACES * TRACE_BYTES * part:
                time.sleep(STEP_SEC)
                continue
            snapshots.append(_tracemalloc._get_traces())
        return snapshots

    def _choose_depth(self, grown: list[Grown]) -> None:
        """Frames to keep of each stack in the next window."""
        whole = sum(mb for _, mb, _ in grown)
        library = sum(mb for stack, mb, _ in grown if stack[0][0].startswith(self._libraries))
        if whole:
            self.frames = FRAMES if library > LIBRARY_SHARE * whole else 1

    def _begin(self) -> bool:
        # A program that uses tracemalloc itself keeps it for itself.
        if self._start is None or "tracemalloc" in sys.modules or not self._gate.acquire(True, 1):
            return False
        try:
            if self._retired or not self._scalene.can_pause or _tracemalloc.is_tracing():
                return False
            self._scalene.pause()
            self._start(self.frames)
            self._open = True
        finally:
            self._gate.release()
        return True

    def _end(self) -> bool:
        """Close the window; False where it was closed already."""
        with self._gate:
            return self._close()

    def _close(self) -> bool:
        if not self._open:
            return False
        self._open = False
        if "tracemalloc" in sys.modules:
            # The program began to trace while we did. Tracing goes on, so Scalene stays paused.
            self._retired = True
            return False
        _tracemalloc.stop()
        return True

    def _resume_sampling(self) -> None:
        if _tracemalloc is not None and not _tracemalloc.is_tracing():
            self._scalene.resume()

    def abort(self) -> None:
        """Before a fork or the end: close what is open; nothing opens until ``resume``."""
        self._aborted = self._gate.acquire(True, 2)
        if self._aborted:
            self._close()
            self._resume_sampling()

    def retire(self) -> None:
        """After ``abort``, at the end: nothing opens again."""
        self._retired = True
        self.resume()

    def resume(self) -> None:
        """After ``abort``, once forked: windows may open again."""
        if self._aborted:
            self._aborted = False
            self._gate.release()

    def _held(self, traces: Any) -> Held:
        """Bytes and blocks held, by stack (innermost frame first), without the profilers' own."""
        sizes: dict[int, list[int]] = {}
        stacks: dict[int, Stack] = {}
        for trace in traces:
            stack = trace[2]  # one object for each different stack of a snapshot
            key = id(stack)
            if key in sizes:
                entry = sizes[key]
                entry[0] += trace[1]
                entry[1] += 1
            else:
                sizes[key] = [trace[1], 1]
                stacks[key] = stack
        return {stack: sizes[key] for key, stack in stacks.items() if not self._is_profilers(stack)}

    def _is_profilers(self, stack: Stack) -> bool:
        """Whether a profiler, or a library that works for one, allocated this.

        Scalene's signal handlers run on top of the program's own frames.
        """
        for file, _ in stack:
            if file.startswith(self._hidden):
                return True
            if not file.startswith(self._libraries):
                return False
        return False

    @staticmethod
    def _grown(held: list[Held]) -> list[Grown]:
        """Stacks whose memory rose from the first two moments to the last two: [stack, MB, blocks].

        The least of the late ones against the most of the early ones: what comes and goes within
        the window, however large, does not rise. What only ever rose, by several blocks, counts
        in full.
        """
        grown: list[Grown] = []
        for stack in held[-1]:
            sizes = [moment.get(stack, [0, 0]) for moment in held]
            rise, blocks = (
                min(sizes[2][part], sizes[3][part]) - max(sizes[0][part], sizes[1][part])
                for part in (0, 1)
            )
            if sizes == sorted(sizes) and sizes[3][1] - sizes[0][1] >= FEW_STEPS:
                rise, blocks = (sizes[3][part] - sizes[0][part] for part in (0, 1))
            if rise > 0:
                grown.append(([list(frame) for frame in stack], rise / MB, max(blocks, 0)))
        grown.sort(key=lambda entry: -entry[1])
        return grown[:LINES_KEPT]


class ScaleneLink:
    """What is read from, and said to, the Scalene that profiles this process (if one does)."""

    def __init__(self, now: Callable[[], float]) -> None:
        self._now = now
        self.flows: list[list[Any]] = []  # [seconds, MB (freed: below zero), file, line]
        self.sums: dict[tuple[str, int], list[float]] = {}  # MB taken, MB freed
        self.folder = "\0"
        self._stats: Any = None
        self._mapfile: Any = None
        self._native: Any = None
        self._walks: list[tuple[Any, Any]] = []
        self.can_pause = True
        self._paused = False
        profiler = sys.modules.get("scalene.scalene_profiler")
        if profiler is not None:
            self.folder = os.path.dirname(str(profiler.__file__))
            self._native = importlib.import_module("scalene.pywhere")
            self._stats = profiler.Scalene._Scalene__stats.memory_stats
            self._mapfile = getattr(profiler.Scalene, "_Scalene__malloc_mapfile", None)
            self._find_walks()

    def _find_walks(self) -> None:
        """The two variables of Scalene's library that name its stack walk.

        ``set_scalene_done_true`` stops the sampler of allocations, but not that of copies, and
        tracemalloc copies while it holds its lock.
        """
        try:
            import ctypes

            library = ctypes.PyDLL(None)
            names = ("p_whereInPython", "p_whereInPythonWithStack")
            variables = [ctypes.c_void_p.in_dll(library, name) for name in names]
        except (ImportError, OSError, ValueError):
            self.can_pause = False
            return
        self._walks = [(variable, variable.value) for variable in variables]

    def footprint(self) -> float:
        """Scalene's footprint in MB."""
        return 0.0 if self._stats is None else float(self._stats.current_footprint)

    def pause(self) -> None:
        """Let no allocation be sampled, and no stack be walked."""
        if self._native is not None:
            self._paused = True
            self._native.set_scalene_done_true()
            for variable, _ in self._walks:
                variable.value = None

    def resume(self) -> None:
        """Sample again, where ``pause`` stopped it."""
        if self._paused:
            self._paused = False
            for variable, function in self._walks:
                variable.value = function
            self._native.set_scalene_done_false()

    def attach(self) -> None:
        """Read along what Scalene reads from its sampler."""
        if self._mapfile is None:
            return
        read = self._mapfile.get_str

        def reading() -> str:
            text: str = read()
            with contextlib.suppress(Exception):
                self._note(text)
            return text

        self._mapfile.get_str = reading

    def detach(self) -> None:
        """Read along no longer."""
        if self._mapfile is not None:
            with contextlib.suppress(AttributeError):
                del self._mapfile.get_str

    def _note(self, text: str) -> None:
        # action, number, bytes, Python's share, pid, pointer, file, line, ...
        parts = text.split(",", 8)
        if len(parts) < 9 or parts[7] == "-1":
            return
        place = (parts[6], int(parts[7]))
        mb = int(parts[2]) / MB
        taken = parts[0] == "M"
        sums = self.sums.setdefault(place, [0.0, 0.0])
        sums[0 if taken else 1] += mb
        if len(self.flows) < MAX_FLOWS:
            self.flows.append([round(self._now(), 3), round(mb if taken else -mb, 3), *place])
