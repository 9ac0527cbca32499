"""The regression check itself: identical code passes, a planted slowdown of 10 % is blocked.

``python -m benchmarks.regression.proof``: a copy of this tree is compared with it 20 times. Then,
in one scratch copy for each hot path, a function of it is given a loop that adds 10 % to the path's
instructions; in one more, a wait that adds 30 % to the time of a path, and hardly an instruction.
Exit status 1 where identical code does not pass, or something planted does; 3 where it could not be
measured.
"""

import sys
from collections.abc import Sequence
from typing import NamedTuple

from benchmarks._cli import run
from benchmarks._report import Bar, Report
from benchmarks.regression import counting, timing
from benchmarks.regression.counting import Counted
from benchmarks.regression.paths import PATHS
from benchmarks.regression.planting import loop, scratch, wait
from benchmarks.regression.run import NAMES, NOT_MEASURED, judged
from benchmarks.regression.trees import HERE, NotMeasured, Tree
from dynogate.statistics import PairedRatio

SLOWER = 0.10
WAITING, LONGER = "hotspots", 0.30
_TRIAL = 1000


class Comparison(NamedTuple):
    """Two trees side by side."""

    then: Counted
    now: Counted
    ratios: dict[str, PairedRatio]

    @property
    def holds(self) -> bool:
        """Whether the check lets the newer one pass."""
        names = list(self.now.counts)
        return judged("the other", self.then, self.now, names, self.ratios).passed

    def ratio(self, name: str) -> float:
        """Instructions of a path, newer over older."""
        return self.now.counts[name] / self.then.counts[name]


def compare(older: Tree, newer: Tree, names: Sequence[str]) -> Comparison:
    """Count and time two trees, as the check does."""
    then, now = counting.count([older, newer], names)
    return Comparison(then, now, timing.compare(older, newer, names))


def main(*, runs: int = 20, json: bool = False) -> int:
    """Compare identical code, then code with something planted.

    Parameters
    ----------
    runs: How often identical code is compared.
    json: Print JSON.
    """
    try:
        with scratch() as copy:
            identical = [compare(copy, HERE, NAMES) for _ in range(runs)]
        planted = _planted(identical[0].now)
        waiting = _waiting()
    except NotMeasured as error:
        sys.stderr.write(f"not measured: {error}\n")
        return NOT_MEASURED
    held = sum(each.holds for each in identical)
    blocked = sum(not each.holds for each in planted.values())
    bars = [
        Bar.at_least(f"identical code passed, of {runs}", held, runs),
        Bar.at_least(f"planted {SLOWER:.0%} blocked, of {len(planted)}", blocked, len(planted)),
        Bar.at_least(f"planted wait of {LONGER:.0%} blocked, of 1", not waiting.holds, 1),
    ]
    columns = (
        "path",
        "identical: counts apart, most",
        "identical: time, highest lower end",
        "planted: counts",
        "planted wait: time",
    )
    rows = [_row(name, identical, planted[name], waiting) for name in NAMES]
    return Report("The regression check", columns, rows, bars).finish(as_json=json)


def _planted(plain: Counted) -> dict[str, Comparison]:
    """Each path slowed down by ``SLOWER``."""
    fixed, turn = _instructions_of_a_loop()
    found = {}
    for path in PATHS:
        turns = (SLOWER * plain.counts[path.name] / path.times - fixed) / turn
        with scratch(path.name, loop(turns)) as tree:
            found[path.name] = compare(HERE, tree, [path.name])
    return found


def _instructions_of_a_loop() -> tuple[float, float]:
    """What a planted loop takes with this interpreter: without a turn, and for each."""
    (limiter,) = (path for path in PATHS if path.name == "limiter")
    name, calls = limiter.name, limiter.times
    with scratch(name, loop(_TRIAL)) as short, scratch(name, loop(2 * _TRIAL)) as long:
        plain, once, twice = (
            each.counts[name] / calls for each in counting.count([HERE, short, long], [name])
        )
    turn = (twice - once) / _TRIAL
    return once - plain - turn * _TRIAL, turn


def _waiting() -> Comparison:
    """One path that takes ``LONGER``, but works no more."""
    (path,) = (path for path in PATHS if path.name == WAITING)
    with timing.Timed(HERE, [WAITING]) as plain:
        plain.missing()
        seconds = plain.seconds(WAITING) / path.times
    with scratch(WAITING, wait(LONGER * seconds)) as tree:
        return compare(HERE, tree, [WAITING])


def _row(
    name: str, identical: Sequence[Comparison], planted: Comparison, waiting: Comparison
) -> tuple[str, ...]:
    apart = max(abs(each.ratio(name) - 1) for each in identical)
    highest = max(each.ratios[name].low for each in identical)
    waits = waiting.ratios.get(name)
    return (
        name,
        f"{apart:.2%}",
        f"{highest:.3f}",
        f"{planted.ratio(name):.3f}",
        "" if waits is None else f"{waits.ratio:.3f} ({waits.low:.3f} to {waits.high:.3f})",
    )


if __name__ == "__main__":
    run(main)
