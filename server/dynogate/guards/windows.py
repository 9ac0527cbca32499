"""Counts of the recent past: sliding windows in a fixed block of memory, bounded by its size.

A sliding-window counter holds two numbers for each key: what came in this window, and in the one
before. Their sum, the older weighted by how much of it still lies within one window's length from
now, estimates the count (the same rule as ``limits``' ``SlidingWindowCounterRateLimiter``).

The worker processes of one gateway share the block, so that a client is counted once, whichever
worker it reaches. Two workers that count the same key in the same microsecond may count one call;
a lock for that would cost more than it is worth.
"""

import hashlib
import mmap
from pathlib import Path
from typing import Final

from dynogate.guards.rates import Rate

SLOTS: Final = 16_384
_WAYS: Final = 8
_CELLS: Final = 4  # of a slot: key, window number, this window's count, the last one's
_BYTES: Final = 8
_JUST_AFTER_SEC: Final = 0.001


class Windows:
    """A block of sliding windows; where it is full, a key that is idle or used least gives way.

    Args:
        path: a file through which processes of this machine share the block; None for a block of
            this process's own.
        slots: how many keys it holds; a multiple of 8.
    """

    def __init__(self, path: Path | None = None, slots: int = SLOTS) -> None:
        size = slots * _CELLS * _BYTES
        if path is None:
            block: bytearray | mmap.mmap = bytearray(size)
        else:
            with path.open("a+b") as file:
                file.truncate(size)  # zeros, unless another process was here first
                block = mmap.mmap(file.fileno(), size)
        self.cells = memoryview(block).cast("d")
        self._sets = slots // _WAYS

    def window(self, key: str, rate: Rate) -> "Window":
        """The window in which ``key`` is counted against ``rate``."""
        digest = hashlib.blake2b(f"{rate}|{key}".encode(), digest_size=12).digest()
        # A float64 holds integers of 53 bits exactly; zero marks a free slot.
        tag = float(1 + (int.from_bytes(digest[:8], "big") >> 12))
        first = int.from_bytes(digest[8:], "big") % self._sets * _WAYS * _CELLS
        return Window(self, rate, tag, first)

    def place(self, window: "Window", number: float) -> int:
        """Where ``window`` lies from now on; ``number`` is that of the time window."""
        slots = range(window.first, window.first + _WAYS * _CELLS, _CELLS)
        for at in slots:
            if self.cells[at] == window.tag:
                return at
        at = min(slots, key=self._worth)
        self.cells[at] = window.tag
        self.cells[at + 1] = number
        self.cells[at + 2] = self.cells[at + 3] = 0.0
        return at

    def _worth(self, at: int) -> tuple[bool, float]:
        """What would be lost with a slot: nothing where it is free; little where counts are low."""
        return self.cells[at] != 0.0, self.cells[at + 2] + self.cells[at + 3]


class Window:
    """One key's calls against one rate.

    Attributes:
        rate: what it may have.
        tag: tells its slot from others'.
        first: where the slots begin that it may lie in.
    """

    __slots__ = ("_amount", "_at", "_cells", "_seconds", "_windows", "first", "rate", "tag")

    def __init__(self, windows: Windows, rate: Rate, tag: float, first: int) -> None:
        self.rate = rate
        self.tag = tag
        self.first = first
        self._amount = rate.amount
        self._seconds = rate.seconds
        self._windows = windows
        self._cells = windows.cells
        self._at = first

    def take(self, now: float) -> bool:
        """Count one call at ``now`` (``time.monotonic()``), if that stays within the rate."""
        seconds, cells, at = self._seconds, self._cells, self._at
        number = now // seconds
        if cells[at] != self.tag:
            at = self._at = self._windows.place(self, number)
        behind = number - cells[at + 1]
        if behind and behind != -1.0:  # one ahead: another process has just been here
            cells[at + 3] = cells[at + 2] if behind == 1.0 else 0.0
            cells[at + 2] = 0.0
            cells[at + 1] = number
        current, before = cells[at + 2] + 1.0, cells[at + 3]
        if current + before > self._amount:
            left = 1.0 - (now / seconds - number)  # of the window before, still within reach
            if int(before * left) + current > self._amount:
                return False
        cells[at + 2] = current
        return True

    def give_back(self) -> None:
        """Take back a call that was counted and then refused elsewhere."""
        at = self._at
        if self._cells[at] == self.tag and self._cells[at + 2] > 0.0:
            self._cells[at + 2] -= 1.0

    def wait_sec(self, now: float) -> float:
        """How long until there is room again, if nothing else is counted; after `take`."""
        seconds, amount = self.rate.seconds, self.rate.amount
        before, current = self._cells[self._at + 3], self._cells[self._at + 2]
        if current < amount:  # once enough of the window before is out of reach
            wait = (1.0 - (amount - current) / before) * seconds if before else 0.0
        else:  # this window, and as much of the next
            wait = seconds + (1.0 - amount / current) * seconds
        return max(wait - now % seconds, 0.0) + _JUST_AFTER_SEC
