"""A clock that calls back on the microsecond: event loops round their timers to milliseconds."""

import asyncio
import ctypes
import os
import sys
from collections.abc import Callable
from time import perf_counter

_TFD_NONBLOCK_CLOEXEC = os.O_NONBLOCK | getattr(os, "O_CLOEXEC", 0)
_TFD_TIMER_ABSTIME = 1
_CLOCK_MONOTONIC = 1


class _TimeSpec(ctypes.Structure):
    _fields_ = (("seconds", ctypes.c_long), ("nanoseconds", ctypes.c_long))


class _TimerSpec(ctypes.Structure):
    _fields_ = (("interval", _TimeSpec), ("value", _TimeSpec))


class Alarm:
    """Calls ``ring`` once for each ``at``.

    On Linux through timerfd_create(2), whose clock is that of ``time.perf_counter`` there;
    elsewhere through the loop's own timer, which is late by up to a millisecond more.
    """

    def __init__(self, ring: Callable[[], None]) -> None:
        self._ring = ring
        self._loop = asyncio.get_running_loop()
        self._handle: asyncio.TimerHandle | None = None
        self._libc = ctypes.CDLL(None, use_errno=True) if sys.platform == "linux" else None
        self._fd = -1
        if self._libc is not None:
            self._fd = self._libc.timerfd_create(_CLOCK_MONOTONIC, _TFD_NONBLOCK_CLOEXEC)
        if self._fd >= 0:
            self._loop.add_reader(self._fd, self._ring)
        self._spec = _TimerSpec()

    def at(self, when: float) -> None:
        """Ring at ``when`` on the clock of ``time.perf_counter``; at once where that has passed."""
        if self._fd < 0 or self._libc is None:
            self._handle = self._loop.call_later(max(when - perf_counter(), 0.0), self._ring)
            return
        seconds = int(when)
        self._spec.value.seconds = seconds
        self._spec.value.nanoseconds = int((when - seconds) * 1e9)
        # Setting it also takes back the reader's readiness, so nothing has to be read.
        self._libc.timerfd_settime(
            self._fd, _TFD_TIMER_ABSTIME, ctypes.byref(self._spec), ctypes.c_void_p(None)
        )

    def close(self) -> None:
        """Never ring again."""
        if self._handle is not None:
            self._handle.cancel()
        if self._fd >= 0:
            self._loop.remove_reader(self._fd)
            os.close(self._fd)
            self._fd = -1
