"""Performance regression: instructions and time of the hot paths, beside those of the merge base.

``python -m benchmarks.regression``: counts the instructions of each hot path by Callgrind, here and
in the tree that this branch left the main line from, and times both in turns. A path that takes
over 3 % more instructions has regressed; so has one that takes longer, by the lower end of the 95 %
interval of the ratio, by over 10 %. ``--stored`` is for every run of the tests: it counts this tree
only, against the stored baseline where that is of this machine. Exit status: 0 held, 1 regressed,
2 usage, 3 could not be measured.
"""

import sys
from collections.abc import Mapping, Sequence

from benchmarks._report import Bar, Report
from benchmarks.regression import baseline, counting, timing
from benchmarks.regression.baseline import Baseline, this_machine
from benchmarks.regression.counting import Counted
from benchmarks.regression.paths import PATHS
from benchmarks.regression.trees import (
    HERE,
    BadRevision,
    NotMeasured,
    base_revision,
    checked_out,
    has_renewed,
)
from dynogate.statistics import PairedRatio

MOST_INSTRUCTIONS = 1.03
"""Identical code differs by about a thousandth; see ``proof``."""

MOST_TIME = 1.10
"""For the lower end of the interval: what is beyond doubt."""

USAGE, NOT_MEASURED = 2, 3
NAMES = tuple(path.name for path in PATHS)


def main(
    *,
    base: str | None = None,
    stored: bool = False,
    renew: bool = False,
    only: list[str] | None = None,
    times: bool = True,
    json: bool = False,
) -> int:
    """Compare.

    Parameters
    ----------
    base: The commit to compare with; default: where this branch left main.
    stored: Count only, against the stored baseline; against the base where that is of another
        machine.
    renew: Store the counts of this tree as the baseline.
    only: A path, by its name; may be given several times. Default: all.
    times: Time the paths as well.
    json: Print JSON.
    """
    names = only or list(NAMES)
    misuse = _misuse(names, base=base, stored=stored, renew=renew)
    if misuse:
        _say(misuse)
        return USAGE
    try:
        if renew:
            return _renew(names)
        report = _stored(names) if stored else None
        report = report or _compared(names, base, times=times and not stored)
    except BadRevision as error:
        _say(str(error))
        return USAGE
    except NotMeasured as error:
        _say(f"not measured: {error}")
        return NOT_MEASURED
    return report.finish(as_json=json)


def _misuse(names: Sequence[str], *, base: str | None, stored: bool, renew: bool) -> str | None:
    unknown = [name for name in names if name not in NAMES]
    if unknown:
        return f"no hot path is called {', '.join(unknown)}; there are {', '.join(NAMES)}"
    if sum((base is not None, stored, renew)) > 1:
        return "--base, --stored and --renew exclude each other"
    if renew and set(names) != set(NAMES):
        return "--renew stores all hot paths: leave --only out"
    return None


def _renew(names: Sequence[str]) -> int:
    (here,) = counting.count([HERE], names)
    _require_all(here)
    path = baseline.write(Baseline(this_machine(), here.counts))
    _say(f"the counts of this tree are the baseline now: {path}")
    return 0


def _stored(names: Sequence[str]) -> Report | None:
    """This tree beside the baseline; None where there is none of this machine."""
    found = baseline.read()
    unlike = baseline.differences(found.machine, this_machine()) if found else "there is none"
    if found is None or unlike:
        _say(f"the stored baseline is not of this machine ({unlike}); counting the merge base")
        return None
    (here,) = counting.count([HERE], names)
    return judged("the stored baseline", Counted(found.counts, {}), here, names)


def _compared(names: Sequence[str], wanted: str | None, *, times: bool) -> Report:
    revision = base_revision(wanted)
    with checked_out(revision) as tree:
        then, here = counting.count([tree, HERE], names)
        ratios = timing.compare(tree, HERE, names) if times else {}
    renewed = has_renewed(revision, baseline.FILE)
    return judged(tree.name, then, here, names, ratios, accepted=renewed)


def judged(
    against: str,
    then: Counted,
    here: Counted,
    names: Sequence[str],
    ratios: Mapping[str, PairedRatio] | None = None,
    *,
    accepted: bool = False,
) -> Report:
    """The counts and times of this tree beside earlier ones.

    Args:
        against: what the earlier ones are of.
        ratios: times, by path, where they were measured.
        accepted: the change comes with a new baseline, and so means what it costs.

    Raises:
        NotMeasured: a path is missing here, or none can be compared.
    """
    _require_all(here)
    shared = [name for name in names if name in then.counts]
    if not shared:
        raise NotMeasured(f"{against} has none of these paths: {dict(then.missing)}")
    bars = []
    for name in shared:
        ratio = here.counts[name] / then.counts[name]
        bars.append(Bar.at_most(f"{name}: instructions, times {against}", ratio, MOST_INSTRUCTIONS))
        if ratios and name in ratios:
            what = f"{name}: time, times {against}, lower end of the 95 % interval"
            bars.append(Bar.at_most(what, ratios[name].low, MOST_TIME))
    if accepted:
        bars = [_accepted(bar) for bar in bars]
    return Report(
        title=f"Hot paths beside {against}",
        columns=("path", "instructions a time", "before", "ratio", "time ratio", "95 %"),
        rows=[_row(name, then, here, (ratios or {}).get(name)) for name in names],
        bars=bars,
    )


def _accepted(bar: Bar) -> Bar:
    if bar.passed:
        return bar
    return Bar(bar.what, bar.measured, f"{bar.limit}; accepted with the new baseline", True)


def _row(name: str, then: Counted, here: Counted, time: PairedRatio | None) -> tuple[str, ...]:
    (times,) = (path.times for path in PATHS if path.name == name)
    now, before = here.counts[name], then.counts.get(name)
    each = f"{now / times:,.0f}"
    if before is None:
        why = then.missing.get(name, "not counted")
        return (name, each, f"new ({why})", "", "", "")
    counted = (name, each, f"{before / times:,.0f}", f"{now / before:.4f}")
    if time is None:
        return (*counted, "", "")
    return (*counted, f"{time.ratio:.3f}", f"{time.low:.3f} to {time.high:.3f}")


def _require_all(here: Counted) -> None:
    if here.missing:
        raise NotMeasured(f"{HERE.name} has hot paths that cannot be built: {dict(here.missing)}")


def _say(text: str) -> None:
    sys.stderr.write(text + "\n")
