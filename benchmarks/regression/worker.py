"""A process that does the hot paths of one tree: ``python -m benchmarks.regression.worker``.

``count NAME ...`` does each of them a few times under Callgrind, which writes down what each time
took; ``time NAME ...`` does them as stdin asks (``NAME`` a line: the seconds it took, shortest of
``BATCHES``). Both first write a line of JSON: where ``dynogate`` was imported from, and which paths
could not be built, with the reason.
"""

import gc
import json
import os
import sys
from collections.abc import Sequence
from contextlib import ExitStack
from pathlib import Path
from tempfile import TemporaryDirectory
from time import perf_counter
from typing import TextIO

from benchmarks.regression.paths import PATHS, Work
from benchmarks.regression.valgrind import Callgrind

COUNTS = 3
"""Counts of each path, of which the least stands: what comes between can only add."""

BATCHES = 3
_WARM_UP = 2  # the interpreter specialises what it does often (PEP 659)


def main() -> None:
    """Do what the command line says."""
    kind, *names = sys.argv[1:]
    told = os.fdopen(os.dup(1), "w", buffering=1)
    os.dup2(2, 1)  # what a tree prints is no answer
    with ExitStack() as stack:
        folder = Path(stack.enter_context(TemporaryDirectory(prefix="hot-path-")))
        works, missing = _built(names, folder, stack)
        import dynogate

        print(json.dumps({"dynogate": dynogate.__file__, "missing": missing}), file=told)
        for work, times in works.values():
            for _ in range(_WARM_UP):
                work(times)
        gc.collect()
        gc.freeze()
        if kind == "count":
            _count(works)
        else:
            _time(works, told)


Works = dict[str, tuple[Work, int]]


def _built(names: Sequence[str], folder: Path, stack: ExitStack) -> tuple[Works, dict[str, str]]:
    works: Works = {}
    missing = {}
    for path in PATHS:
        if path.name in names:
            own = folder / path.name
            own.mkdir()
            try:
                work = path.build(own, stack)
                work(1)
                works[path.name] = work, path.times
            except Exception as error:
                missing[path.name] = f"{type(error).__name__}: {error}"
    return works, missing


def _count(works: Works) -> None:
    callgrind = Callgrind()
    callgrind.start()
    for name, (work, times) in works.items():
        for _ in range(COUNTS):
            gc.collect()
            callgrind.zero()
            work(times)
            callgrind.dump(name)


def _time(works: Works, told: TextIO) -> None:
    for line in sys.stdin:
        work, times = works[line.strip()]
        print(min(_seconds(work, times) for _ in range(BATCHES)), file=told)


def _seconds(work: Work, times: int) -> float:
    start = perf_counter()
    work(times)
    return perf_counter() - start


if __name__ == "__main__":
    main()
