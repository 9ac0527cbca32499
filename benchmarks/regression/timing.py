"""How long the hot paths of two trees take, in turns.

Instructions say nothing of waits, locks and caches; seconds do, but know every mood of the
machine. So both trees run side by side in processes of their own, take turns of milliseconds, and
each turn is the shortest of a few. A process is a little faster or slower than its sister all its
life (where its memory lies), so it is processes that are drawn anew, and pairs of them that count.
"""

import subprocess
import sys
from collections.abc import Mapping, Sequence
from types import TracebackType

from benchmarks.regression.counting import WORKER, introduced
from benchmarks.regression.trees import ROOT, NotMeasured, Tree
from dynogate.statistics import PairedRatio, paired_ratio

LAUNCHES = 8
"""Pairs of processes; an interval needs 6."""

_TURNS = 5


class Timed:
    """A process that does the hot paths of ``tree`` as it is asked.

    Raises:
        NotMeasured: it ended.
    """

    def __init__(self, tree: Tree, names: Sequence[str]) -> None:
        self._tree = tree
        self._process = subprocess.Popen(
            [sys.executable, "-m", WORKER, "time", *names],
            cwd=ROOT,
            env=tree.environment(),
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=subprocess.DEVNULL,
            text=True,
            bufsize=1,
        )

    def __enter__(self) -> "Timed":
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        self._process.kill()
        self._process.communicate()

    def missing(self) -> Mapping[str, str]:
        """Which paths it does not have, and why; to be asked first."""
        return introduced(self._tree, self._line())

    def seconds(self, name: str) -> float:
        """Do a path now; how long it took, the shortest of a few times."""
        assert self._process.stdin is not None
        self._process.stdin.write(name + "\n")
        return float(self._line())

    def _line(self) -> str:
        assert self._process.stdout is not None
        line = self._process.stdout.readline()
        if not line:
            raise NotMeasured(f"{self._tree.name} could not be timed: its process ended")
        return line


def compare(
    before: Tree, after: Tree, names: Sequence[str], launches: int = LAUNCHES
) -> dict[str, PairedRatio]:
    """Time of ``after`` over that of ``before``, by path; those that either lacks are left out.

    Raises:
        NotMeasured: a process ended.
    """
    shortest: dict[str, list[tuple[float, float]]] = {}
    for _ in range(launches):
        with Timed(before, names) as old, Timed(after, names) as new:
            missing = {**old.missing(), **new.missing()}
            for name in names:
                if name not in missing:
                    shortest.setdefault(name, []).append(_in_turns(name, old, new))
    return {
        name: paired_ratio([old for old, _ in pairs], [new for _, new in pairs])
        for name, pairs in shortest.items()
    }


def _in_turns(name: str, old: Timed, new: Timed) -> tuple[float, float]:
    """The shortest time of either, of several turns; who begins changes."""
    olds, news = [], []
    for turn in range(_TURNS):
        if turn % 2:
            news.append(new.seconds(name))
        olds.append(old.seconds(name))
        if not turn % 2:
            news.append(new.seconds(name))
    return min(olds), min(news)
