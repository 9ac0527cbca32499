"""Where figures live: doubles that one process adds to and every process of the gateway reads.

A server process holds a numbered pair of files in the run directory: ``N.values``, doubles that it
maps into its memory, and ``N.series``, a JSON line for each series that says where its doubles
are. Adding to one costs as much as adding to a list. A lock on ``N.values`` says that the process
lives; what a dead one counted stays, and the next process that starts takes its pair over and goes
on counting there, so that there are never more pairs than there were processes at one time.
"""

import contextlib
import fcntl
import mmap
import operator
import os
from array import array
from collections.abc import Iterator
from pathlib import Path

import msgspec

from dynogate.telemetry.logs import get_logger

log = get_logger(__name__)

Key = tuple[str, tuple[str, ...]]
"""A series: its metric's name and the values of its labels."""

_DOUBLE = 8
_BLOCK = 1 << 16  # bytes that are mapped at a time; a multiple of every page size in use
_PER_BLOCK = _BLOCK // _DOUBLE


class _Series(msgspec.Struct, array_like=True):
    at: int
    count: int
    lasting: bool
    name: str
    labels: tuple[str, ...]


_line = msgspec.json.Decoder(_Series)


class Cells:
    """The doubles of this process, and a look at those of the others.

    Written to from one thread, read from any.

    Args:
        directory: where the processes of one gateway meet; None where there is only this one.
    """

    def __init__(self, directory: Path | None = None) -> None:
        self._directory = directory
        self._series: dict[Key, memoryview[float]] = {}
        self._blocks: list[memoryview[float]] = []
        self._free = _PER_BLOCK  # the next free double of the last block, or past its end
        self._number, self._values, self._log = -1, -1, -1
        if directory is not None:
            self._open(directory)

    def take(
        self, name: str, labels: tuple[str, ...], count: int, *, lasting: bool
    ) -> "memoryview[float]":
        """The ``count`` doubles of a series, zero at first unless a process before counted there.

        Args:
            lasting: what it says stays true when the process has ended, as a count does.
        """
        view = self._series.get((name, labels))
        if view is None:
            if self._free + count > _PER_BLOCK:
                self._grow()
            block, at = self._blocks[-1], self._free
            self._free += count
            view = self._series[name, labels] = block[at : at + count]
            place = (len(self._blocks) - 1) * _PER_BLOCK + at
            self._publish(_Series(place, count, lasting, name, labels))
        return view

    def sums(self) -> dict[Key, list[float]]:
        """Every series, summed over the processes there are and, where it lasts, there were."""
        sums = {key: list(view) for key, view in list(self._series.items())}
        for number in self._peers():
            alive = self._is_alive(number)
            for series, values in self._read(number):
                if alive or series.lasting:
                    known = sums.setdefault((series.name, series.labels), [0.0] * len(values))
                    known[:] = map(operator.add, known, values)
        return sums

    def processes(self) -> dict[int, int]:
        """The processes that live: their pids by the number of their files."""
        pids = {max(self._number, 0): os.getpid()}
        for number in self._peers():
            doubles = self._doubles(number) if self._is_alive(number) else None
            if doubles:  # it may have only just begun
                pids[number] = int(doubles[0])
        return dict(sorted(pids.items()))

    def close(self) -> None:
        """Let go of the files; the next process may take them over."""
        self._keep_to_itself()
        if self._values >= 0:
            fcntl.flock(self._values, fcntl.LOCK_UN)  # the mapping has a descriptor of its own
            os.close(self._values)
            self._values = -1

    def _keep_to_itself(self) -> None:
        """What is new from now on is seen by this process alone."""
        if self._log >= 0:
            os.close(self._log)
            self._log = -1

    def _open(self, directory: Path) -> None:
        """Take the first pair of files that no living process holds, and go on where it ends."""
        number = 0
        while True:
            values = os.open(directory / f"{number}.values", os.O_RDWR | os.O_CREAT, 0o600)
            try:
                fcntl.flock(values, fcntl.LOCK_EX | fcntl.LOCK_NB)
                break
            except BlockingIOError:
                os.close(values)
                number += 1
        self._number, self._values = number, values
        path = directory / f"{number}.series"
        self._log = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_APPEND, 0o600)
        whole, _, _ = path.read_bytes().rpartition(b"\n")
        os.ftruncate(self._log, len(whole) + 1 if whole else 0)
        for _ in range(os.fstat(values).st_size // _BLOCK):
            self._map()
        for series, _values in self._read(number):
            self._adopt(series)
        if not self._blocks:
            self._grow()
        self._blocks[0][0] = os.getpid()

    def _adopt(self, series: _Series) -> None:
        block, at = divmod(series.at, _PER_BLOCK)
        view = self._series[series.name, series.labels] = self._blocks[block][
            at : at + series.count
        ]
        if not series.lasting:
            view[:] = memoryview(array("d", bytes(series.count * _DOUBLE)))
        if block == len(self._blocks) - 1:
            self._free = at + series.count

    def _publish(self, series: _Series) -> None:
        """Say where a new series is."""
        if self._log >= 0:
            try:
                os.write(self._log, msgspec.json.encode(series) + b"\n")
            except OSError as error:
                self._disk_is_full(error)

    def _grow(self) -> None:
        """Have one more block; where the disk is full, one that only this process sees."""
        if self._log >= 0:
            try:
                os.posix_fallocate(self._values, len(self._blocks) * _BLOCK, _BLOCK)
            except OSError as error:
                self._disk_is_full(error)
        self._map()
        self._free = 1 if len(self._blocks) == 1 else 0  # the very first double is the pid

    def _disk_is_full(self, error: OSError) -> None:
        """Count on: a call must not fail because it cannot be counted for others to see."""
        log.warning("new metrics of this process are not shared", problem=error.strerror)
        self._keep_to_itself()

    def _map(self) -> None:
        if self._log >= 0:
            memory = mmap.mmap(self._values, _BLOCK, offset=len(self._blocks) * _BLOCK)
        else:
            memory = mmap.mmap(-1, _BLOCK)
        self._blocks.append(memoryview(memory).cast("d"))

    def _peers(self) -> Iterator[int]:
        if self._directory is not None:
            for path in self._directory.glob("*.values"):
                if path.stem != str(self._number):
                    yield int(path.stem)

    def _is_alive(self, number: int) -> bool:
        assert self._directory is not None
        descriptor = os.open(self._directory / f"{number}.values", os.O_RDONLY)
        try:
            fcntl.flock(descriptor, fcntl.LOCK_SH | fcntl.LOCK_NB)
        except BlockingIOError:
            return True
        finally:
            os.close(descriptor)
        return False

    def _doubles(self, number: int) -> "array[float]":
        assert self._directory is not None
        return array("d", (self._directory / f"{number}.values").read_bytes())

    def _read(self, number: int) -> Iterator[tuple[_Series, list[float]]]:
        """The series of a pair of files; a line that is still being written is left out."""
        assert self._directory is not None
        with contextlib.suppress(FileNotFoundError):
            lines = (self._directory / f"{number}.series").read_bytes()
            values = self._doubles(number)
            for line in lines.splitlines(keepends=True):
                if line.endswith(b"\n"):
                    series = _line.decode(line)
                    yield series, values[series.at : series.at + series.count].tolist()
