"""Records, inside the profiled process, how memory grows and which lines hold what grew.

Scalene credits a megabyte of net growth to the line that happens to cross the megabyte, and writes
no frees per line: a leak next to a line that allocates ten times as much and frees it again can't
be told from it. This recorder keeps what is needed to tell:

* ``polls``: memory in use, some forty times a second;
* ``windows``: while memory grows, tracemalloc watches for short windows. What a line holds at four
  moments of a window says what it retains; what is freed again does not rise from one to the next;
* ``flows``: Scalene's own records (allocated or freed megabytes, with the line) as they come.

Tracemalloc makes allocation some ten times slower, and stops the whole program for good when
Scalene samples inside it (Scalene's stack walk creates an object while tracemalloc's lock is
held). So a window pauses Scalene's samplers, is short, rare, and opens only where memory grows: at
most ``BUSY_SHARE`` of a busy program's time.

Python 3.9 syntax, standard library and Scalene only: any interpreter may be the target.
"""

from __future__ import annotations

import _thread
import contextlib
import importlib.util
import json
import os
import time
from typing import TYPE_CHECKING, Any, Callable, NamedTuple, Optional

if TYPE_CHECKING:
    from dynogate.profiling.capture.child.memory_windows import MB, ScaleneLink, Tracer, Window
else:
    # The recorder is loaded by its path: its folder is on nobody's search path.
    _spec = importlib.util.spec_from_file_location(
        "dynogate_memory_windows",
        os.path.join(os.path.dirname(os.path.abspath(__file__)), "memory_windows.py"),
    )
    _windows = importlib.util.module_from_spec(_spec)
    _spec.loader.exec_module(_windows)
    MB, ScaleneLink, Tracer = _windows.MB, _windows.ScaleneLink, _windows.Tracer

POLL_SEC = 0.025
MAX_POLLS = 4000  # then every second one goes, and polling is half as frequent
MAX_WINDOWS = 200  # then every second one goes, and windows are half as frequent
BUSY_SHARE = 0.16  # of a busy program's time may pass in windows
IDLE_SHARE = 0.25  # of a waiting program's time: tracing costs it nothing that it would notice
BUSY = 0.4  # CPU seconds a second above which a program counts as busy
SHORTEST_SEC, LONGEST_SEC = 0.04, 0.4
SLOW_HEAP_SEC = 0.002
GROWTH_SEC = 0.3  # growth is a new high against everything older than this
GROWTH_MB = (0.25, 0.25, 1.0)  # of resident, handed out, and Scalene's footprint (its resolution)
FEW_BLOCKS = 12  # fewer than this retained in a window: the next one is longer

_recorder: Optional[Recorder] = None


def install(output_path: str) -> None:
    """Start recording this process; ``finish`` (or, bounded, time) writes it to ``output_path``.

    Never raises. A second call while recording does nothing.
    """
    global _recorder
    if _recorder is None:
        with contextlib.suppress(Exception):
            recorder = Recorder(output_path)
            recorder.start()
            _recorder = recorder


def finish() -> None:
    """Stop recording and write the record. Never raises; does nothing where nothing records."""
    global _recorder
    recorder, _recorder = _recorder, None
    if recorder is not None:
        with contextlib.suppress(Exception):
            recorder.stop()


def _open(path: str) -> Optional[int]:
    """A descriptor to read ``path`` again and again, or None where there is no such file."""
    try:
        return os.open(path, os.O_RDONLY)
    except OSError:
        return None


def _heap_info() -> Optional[Callable[[], Any]]:
    """glibc's ``mallinfo2``, or None elsewhere."""
    try:
        import ctypes

        names = "arena ordblks smblks hblks hblkhd usmblks fsmblks uordblks fordblks keepcost"

        class HeapInfo(ctypes.Structure):
            _fields_ = [(name, ctypes.c_size_t) for name in names.split()]

        # PyDLL keeps the interpreter's lock: getting it back costs more than the call.
        function = ctypes.PyDLL(None).mallinfo2
        function.restype = HeapInfo
    except (ImportError, OSError, AttributeError):
        return None
    return function


class Poll(NamedTuple):
    """What was read at one moment; memory in MB."""

    seconds: float
    resident: float  # without the heap's holes
    handed_out: float  # by the heap
    footprint: float  # as Scalene sums it
    progress: float  # seconds until then in which no CPU was waited for
    cpu: float


class Recorder:
    """Polls memory from a thread of its own and opens windows while memory grows."""

    def __init__(self, output_path: str) -> None:
        self._path = output_path
        self._pid = os.getpid()
        self._started = time.perf_counter()
        self._statm = _open("/proc/self/statm")
        self._schedstat = _open("/proc/self/schedstat")
        self._page_mb = os.sysconf("SC_PAGE_SIZE") / MB
        self._heap_info = _heap_info()
        self._scalene = ScaleneLink(self._now)
        self._tracer = Tracer(self._scalene, self._now)
        self._tracer.give_way()
        self._polls: list[Poll] = []
        self._windows: list[Window] = []
        self._stop = _thread.allocate_lock()
        self._stop.acquire()
        self._ended = _thread.allocate_lock()
        self._ended.acquire()
        self._poll_sec = POLL_SEC
        self._thinning = 1
        self._highs: tuple[float, ...] = (0.0, 0.0, 0.0)
        self._old_index = 0
        self._length: Optional[float] = None
        self._slow = 0
        self._next_window = 0.15
        self._next_write = 1.0

    def start(self) -> None:
        """Begin. The thread is a bare one: ``threading`` and the program don't see it."""
        self._scalene.attach()
        os.register_at_fork(
            before=self._tracer.abort,
            after_in_parent=self._tracer.resume,
            after_in_child=self._leave_to_parent,
        )
        self._poll()
        self._note_high(self._polls[0])
        _thread.start_new_thread(self._run, ())

    def stop(self) -> None:
        """End the thread, take the last poll and write everything."""
        if os.getpid() != self._pid:
            return
        self._tracer.abort()
        self._tracer.retire()
        self._stop.release()
        self._ended.acquire(True, 5.0)
        self._poll()
        self._scalene.detach()
        self._write()
        for descriptor in (self._statm, self._schedstat):
            if descriptor is not None:
                os.close(descriptor)

    def _leave_to_parent(self) -> None:
        """In a forked child there is no thread: only see to it that it is not traced."""
        self._tracer.resume()
        self._scalene.detach()

    def _now(self) -> float:
        return time.perf_counter() - self._started

    def _run(self) -> None:
        with contextlib.suppress(Exception):
            while not self._stop.acquire(True, self._poll_sec):
                self._step()
        self._ended.release()

    def _step(self) -> None:
        self._poll()
        now = self._now()
        if now >= self._next_window and self._growing():
            self._watch()
        if now >= self._next_write:
            self._write()
            self._next_write = 1.3 * self._now()

    def _poll(self) -> None:
        now, queued = self._now(), self._queued()
        poll = Poll(
            now, *self._used(), self._scalene.footprint(), now - queued, time.process_time()
        )
        self._polls.append(poll)
        if len(self._polls) > MAX_POLLS:
            self._polls = self._polls[::2]
            self._old_index //= 2
            self._poll_sec *= 2

    def _used(self) -> tuple[float, float]:
        """MB resident without the heap's holes, and MB that the heap handed out.

        A heap that is churned while it grows is full of holes, which the growth fills: resident
        memory stands still meanwhile. Memory reserved and never written is not resident.
        """
        if self._statm is None:
            return 0.0, 0.0
        resident = int(os.pread(self._statm, 128, 0).split()[1]) * self._page_mb
        if self._heap_info is None:
            return resident, 0.0
        began = time.perf_counter()
        info = self._heap_info()
        if time.perf_counter() - began > SLOW_HEAP_SEC:
            self._slow += 1
            if self._slow >= 3:
                self._heap_info = None  # so many holes that counting them would be felt
        handed_out: int = info.uordblks + info.hblkhd
        return resident - int(info.fordblks) / MB, handed_out / MB

    def _queued(self) -> float:
        """Seconds that the main thread waited for a CPU: on a crowded machine time stands still."""
        if self._schedstat is None:
            return 0.0
        return int(os.pread(self._schedstat, 128, 0).split()[1]) / 1e9

    def _growing(self) -> bool:
        """Whether memory is above everything seen before the last moments."""
        now = self._polls[-1]
        while self._polls[self._old_index].seconds < now.seconds - GROWTH_SEC:
            self._note_high(self._polls[self._old_index])
            self._old_index += 1
        memory = (now.resident, now.handed_out, now.footprint)
        return any(memory[n] > self._highs[n] + GROWTH_MB[n] for n in range(3))

    def _note_high(self, poll: Poll) -> None:
        self._highs = tuple(map(max, self._highs, poll[1:4]))

    def _busy(self) -> float:
        """CPU seconds a second over the last moments; the time queued for a CPU does not count."""
        last = self._polls[-1]
        first = self._polls[max(0, len(self._polls) - 10)]
        return (last.cpu - first.cpu) / max(last.progress - first.progress, 1e-6)

    def _watch(self) -> None:
        share = BUSY_SHARE if self._busy() > BUSY else IDLE_SHARE
        if self._length is None:
            self._length = SHORTEST_SEC * (1 if share == BUSY_SHARE else 4)
        depth = self._tracer.frames
        window = self._tracer.watch(self._length, share == BUSY_SHARE, self._stopped)
        now = self._now()
        if window is None:
            self._next_window = now + 1.0
            return
        # What tracing took from the system stays in the process: no growth of the program's.
        self._poll()
        self._note_high(self._polls[-1])
        self._length = min(max(self._length * _scale(window), SHORTEST_SEC), LONGEST_SEC)
        self._windows.append(window)
        if len(self._windows) > MAX_WINDOWS:
            self._windows = self._windows[::2]
            self._thinning *= 2
        took = now - window["start"]
        if self._tracer.frames > depth:
            # It named libraries' lines only: look again soon, once.
            share = max(share, 0.5)
        self._next_window = now + self._thinning * took * (1 - share) / share

    def _stopped(self) -> bool:
        if self._stop.acquire(False):
            self._stop.release()
            return True
        return False

    def _write(self) -> None:
        record = {
            "version": 1,
            "polls": [[round(value, 3) for value in poll[:5]] for poll in self._polls],
            "windows": self._windows,
            "flows": self._scalene.flows[:],
            "sums": [[*place, *sums] for place, sums in list(self._scalene.sums.items())],
        }
        partial = self._path + ".partial"
        with open(partial, "w", encoding="utf-8", errors="backslashreplace") as file:
            file.write(json.dumps(record))
        os.replace(partial, self._path)


def _scale(window: Window) -> float:
    """How much longer the next window is to be, so that it sees enough blocks that matter."""
    whole = sum(mb for _, mb, _ in window["grown"])
    blocks = [count for _, mb, count in window["grown"] if mb >= 0.2 * whole]
    if not blocks or min(blocks) < FEW_BLOCKS:
        return 2.0
    return 0.7 if min(blocks) > 10 * FEW_BLOCKS else 1.0
