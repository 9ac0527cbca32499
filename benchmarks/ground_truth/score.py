"""What was said of a program, held against its truth."""

from dataclasses import dataclass

from benchmarks._report import Bar
from benchmarks.ground_truth.corpus import Program, Spot

HOT_SHARE, ALLOC_SHARE, LEAKS_FOUND, RATE_ERROR = 0.95, 0.95, 0.90, 0.25


@dataclass(frozen=True, slots=True)
class Observed:
    """What the tools said of one run.

    Attributes:
        cpu: lines, hottest first.
        memory: lines, largest allocation first.
        leaks: MB a second by line.
        true_rates: what the program measured of itself, by leak name.
        problem: why there is nothing to score; None where there is.
    """

    cpu: tuple[Spot, ...] = ()
    memory: tuple[Spot, ...] = ()
    leaks: tuple[tuple[Spot, float], ...] = ()
    true_rates: tuple[tuple[str, float], ...] = ()
    problem: str | None = None


@dataclass(frozen=True, slots=True)
class Score:
    """How one program was judged; None where the program asks no such thing.

    Attributes:
        hot: whether the hottest line was right.
        alloc: whether the first lines of the allocation order were the planted ones.
        found: how many of the planted leaks were reported.
        rate_errors: of each leak found, how far its rate was off, relative to the true one.
        false_leaks: lines reported as leaks that leak nothing.
    """

    program: Program
    observed: Observed
    hot: bool | None
    alloc: bool | None
    found: int
    rate_errors: tuple[float, ...]
    false_leaks: tuple[Spot, ...]

    @property
    def right(self) -> bool:
        """Whether all that was said is true and all that had to be said was said."""
        return (
            self.observed.problem is None
            and self.hot is not False
            and self.alloc is not False
            and self.found == len(self.program.leaks)
            and not self.false_leaks
            and all(error <= RATE_ERROR for error in self.rate_errors)
        )

    def row(self) -> tuple[str, str, str, str]:
        """Program, what was planted, what was said, whether it is right."""
        return (
            self.program.name,
            _planted(self.program, self.observed),
            self.observed.problem or _said(self.program, self.observed),
            "right" if self.right else "WRONG",
        )


def score(program: Program, observed: Observed) -> Score:
    """Judge what was observed of ``program``."""
    reported = dict(observed.leaks)
    true = dict(observed.true_rates)
    errors = tuple(
        abs(reported[spot] / true[name] - 1) if true.get(name) else float("inf")
        for name, spot in program.leaks.items()
        if spot in reported
    )
    innocent = set(reported) - set(program.leaks.values()) - program.maybe
    first = observed.memory[: len(program.alloc)]
    return Score(
        program=program,
        observed=observed,
        hot=bool(set(observed.cpu[:1]) & program.hot) if program.hot else None,
        alloc=set(first) == program.alloc if program.alloc else None,
        found=len(errors),
        rate_errors=errors,
        false_leaks=tuple(sorted(innocent)),
    )


def bars(scores: list[Score]) -> list[Bar]:
    """The limits, of those kinds of truth that the scored programs hold."""
    made = []
    if hot := [s.hot for s in scores if s.hot is not None]:
        made.append(Bar.at_least(f"hottest line right, of {len(hot)}", _share(hot), HOT_SHARE))
    if alloc := [s.alloc for s in scores if s.alloc is not None]:
        what = f"largest allocation right, of {len(alloc)}"
        made.append(Bar.at_least(what, _share(alloc), ALLOC_SHARE))
    if planted := sum(len(s.program.leaks) for s in scores):
        found = sum(s.found for s in scores) / planted
        made.append(Bar.at_least(f"leaks found, of {planted}", found, LEAKS_FOUND))
        worst = max((e for s in scores for e in s.rate_errors), default=None)
        made.append(Bar.at_most("worst error of a leak's rate", worst, RATE_ERROR))
    false = sum(len(s.false_leaks) for s in scores)
    made.append(Bar.at_most(f"false leaks, in {len(scores)} programs", float(false), 0))
    problems = sum(s.observed.problem is not None for s in scores)
    made.append(Bar.at_most("programs that could not be profiled", float(problems), 0))
    return made


def _share(outcomes: list[bool]) -> float:
    return sum(outcomes) / len(outcomes)


def _planted(program: Program, observed: Observed) -> str:
    true = dict(observed.true_rates)
    parts = [f"hot {spot.lineno}" for spot in sorted(program.hot)]
    parts += [f"alloc {spot.lineno}" for spot in sorted(program.alloc)]
    for name, spot in program.leaks.items():
        rate = f" at {true[name]:.1f} MB/s" if name in true else ""
        parts.append(f"leak {spot.lineno}{rate}")
    return ", ".join(parts) or "no leak"


def _said(program: Program, observed: Observed) -> str:
    parts = []
    if program.hot:
        parts.append(_name("hot", observed.cpu[:1]))
    if program.alloc:
        parts.append(_name("alloc", observed.memory[: len(program.alloc)]))
    parts += [f"leak {spot.lineno} at {rate:.1f} MB/s" for spot, rate in observed.leaks]
    return ", ".join(parts) or "no leak"


def _name(what: str, spots: tuple[Spot, ...]) -> str:
    return f"{what} {' '.join(str(spot.lineno) for spot in spots) or 'none'}"
