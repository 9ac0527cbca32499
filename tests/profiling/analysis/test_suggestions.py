"""Every rule speaks where figures and code both show its case, and is silent otherwise."""

import hashlib
import textwrap
from pathlib import Path
from typing import Any, NamedTuple

import pytest

from dynogate.profiling.analysis.hotspots import Spot
from dynogate.profiling.analysis.rules import RULES, Figure, figure_text
from dynogate.profiling.analysis.suggestions import Advisor, Suggestion
from dynogate.profiling.analysis.syntax import Sources
from dynogate.profiling.models import FileProfile, Frame, ProfileResult, StackSample
from tests.profiles import SCRIPT, sample_line, sample_profile, sample_target

HOT = "# HOT"
FIGURES: dict[Figure, dict[str, float]] = {
    Figure.CPU: {"cpu_percent": 60.0, "cpu_percent_python": 60.0},
    Figure.WAIT: {"cpu_percent_system": 60.0},
    Figure.ALLOCATED: {"malloc_mb": 600.0},
    Figure.RETAINED: {"malloc_mb": 600.0, "retained_mb": 600.0},
}


def hot_spots(source: str, figures: dict[str, float]) -> list[Spot]:
    """The lines marked as hot, with these figures."""
    return [
        Spot(SCRIPT, sample_line(n, source=text, function="work", **figures))
        for n, text in enumerate(source.splitlines(), 1)
        if HOT in text
    ]


def profile_of(source: str, spots: list[Spot], **overrides: Any) -> ProfileResult:
    """A profile of ``source`` with these lines."""
    target = sample_target(source=source, sha256=hashlib.sha256(source.encode()).hexdigest())
    lines = tuple(spot.line for spot in spots)
    part = FileProfile(file=SCRIPT, cpu_percent=100.0, lines=lines)
    fields: dict[str, Any] = {"target": target, "files": (part,), "stacks": ()}
    return sample_profile(**fields | overrides)


def advise(
    source: str, figure: Figure = Figure.CPU, *, floor: float = 5.0, **changed: Any
) -> tuple[Suggestion, ...]:
    """What the rules say of the marked lines of ``source``."""
    source = textwrap.dedent(source)
    stacks = changed.pop("stacks", ())
    spots = hot_spots(source, FIGURES[figure] | changed)
    profile = profile_of(source, spots, stacks=stacks)
    advisor = Advisor(profile, Sources(profile))
    return advisor.suggest({figure: spots}, {figure: floor})


class Example(NamedTuple):
    """A piece of code with a marked line, and whether its rule has something to say of it."""

    rule: str
    speaks: bool
    what: str
    source: str


def read_examples() -> list[Example]:
    """The examples of every rule: parts of a file, each under ``#: speaks: what it shows``."""
    found = []
    for path in sorted((Path(__file__).parents[2] / "data" / "advice").glob("*.py")):
        for part in path.read_text().split("#: ")[1:]:
            title, _, source = part.partition("\n")
            kind, _, what = title.partition(": ")
            found.append(Example(path.stem, kind == "speaks", what, source))
    return found


EXAMPLES = read_examples()
SPEAKS = [example for example in EXAMPLES if example.speaks]
SILENT = [example for example in EXAMPLES if not example.speaks]
MEMBERSHIP = next(example.source for example in SPEAKS if example.rule == "list-membership")


def title(example: Example) -> str:
    """What a test of an example is called."""
    return f"{example.rule}: {example.what}"


def figure_of_rule(name: str) -> Figure:
    """The figure that the rule of this name looks at."""
    return next(rule.figure for rule in RULES if rule.name == name)


def all_figures(name: str) -> dict[str, Any]:
    """Figures at which the rule of this name may speak."""
    return {"cpu_percent_native": 60.0} if name == "native-call" else {}


@pytest.mark.parametrize("example", SPEAKS, ids=title)
def test_a_rule_speaks_where_figures_and_code_show_its_case(example: Example) -> None:
    """The suggestion is about the marked line, and its evidence begins with the figure."""
    rule, source = example.rule, example.source
    figure = figure_of_rule(rule)
    found = advise(source, figure, **all_figures(rule))
    assert [suggestion.rule for suggestion in found] == [rule]
    spot = hot_spots(textwrap.dedent(source), FIGURES[figure])[0]
    assert (found[0].file, found[0].lineno) == (SCRIPT, spot.line.lineno)
    assert found[0].evidence.startswith(figure_text(spot.line, figure))


@pytest.mark.parametrize("example", SILENT, ids=title)
def test_a_rule_is_silent_where_the_code_does_not_show_its_case(example: Example) -> None:
    """Hot alone is no reason for advice."""
    rule, source = example.rule, example.source
    found = advise(source, figure_of_rule(rule), **all_figures(rule))
    assert rule not in {suggestion.rule for suggestion in found}


@pytest.mark.parametrize("example", SPEAKS, ids=title)
def test_a_rule_is_silent_where_the_line_is_cold(example: Example) -> None:
    """Bad code that costs nothing is left alone."""
    rule, source = example.rule, example.source
    figure = figure_of_rule(rule)
    cold = dict.fromkeys(FIGURES[figure], 0.9)
    assert advise(source, figure, **cold) == ()


def test_every_rule_has_an_example_of_both_kinds() -> None:
    """A new row of the table needs its tests."""
    names = {rule.name for rule in RULES}
    assert {example.rule for example in SPEAKS} == names
    assert {example.rule for example in SILENT} == names


def test_rules_have_different_names_and_a_source_each() -> None:
    """A suggestion's rule can be looked up, and so can what it rests on."""
    assert len({rule.name for rule in RULES}) == len(RULES)
    assert all(rule.reference.startswith("https://") for rule in RULES)


def test_the_callers_threshold_counts_where_it_is_higher() -> None:
    """A line of 60 % is not hot for somebody who asked for 70 %."""
    source = MEMBERSHIP
    assert advise(source, floor=60.0)
    assert advise(source, floor=70.0) == ()


def test_native_time_is_only_mentioned_where_nothing_better_can_be_said() -> None:
    """A list searched in C code is a wrong data structure, not a slow C call."""
    found = advise(MEMBERSHIP, cpu_percent_native=60.0)
    assert [suggestion.rule for suggestion in found] == ["list-membership"]


def test_one_loop_is_advised_about_once() -> None:
    """Two hot lines of one loop with the same case give one suggestion, for the first of them."""
    found = advise(
        """
        import numpy as np
        def work(a: np.ndarray):
            for x in a:
                y = x * 2  # HOT
                z = y + x  # HOT
        """
    )
    assert [(suggestion.rule, suggestion.lineno) for suggestion in found] == [("array-elements", 5)]


def in_stack(*frames: tuple[str, int]) -> tuple[StackSample, ...]:
    """One stack of the script."""
    made = tuple(Frame(file=SCRIPT, function=name, lineno=line) for name, line in frames)
    return (StackSample(frames=made, cpu_sec=1.0, count=100),)


@pytest.mark.parametrize("site", ["for x in xs:\n    work(x)", "ys = [\n  work(x) for x in xs]"])
def test_a_loop_in_a_caller_is_found_through_the_stacks(site: str) -> None:
    """A line is repeated where its function is called in a loop, and the evidence says which."""
    source = f"import copy\ndef work(x):\n    return copy.deepcopy(x)  {HOT}\n{site}\n"
    found = advise(source, stacks=in_stack(("<module>", 5), ("work", 3)))
    assert [suggestion.rule for suggestion in found] == ["deep-copy"]
    assert f"called from the loop at {SCRIPT}:5" in found[0].evidence


def test_a_call_beside_a_loop_is_no_loop() -> None:
    """Only a loop around the call itself repeats it."""
    source = (
        f"import copy\ndef work(x):\n    return copy.deepcopy(x)  {HOT}\nwork([y for y in z])\n"
    )
    assert advise(source, stacks=in_stack(("<module>", 4), ("work", 3))) == ()


def test_no_advice_without_the_source() -> None:
    """Code that is not known shows nothing."""
    spots = hot_spots(f"for i in x:\n  y = a.copy()  {HOT}", FIGURES[Figure.ALLOCATED])
    profile = profile_of("", spots, target=sample_target(path=None))
    assert Advisor(profile, Sources(profile)).suggest({Figure.ALLOCATED: spots}, {}) == ()


@pytest.mark.parametrize("source", [f"x = (  {HOT}\n", f"x = 1\0  {HOT}\n", "# HOT\n"])
def test_no_advice_on_what_is_no_statement(source: str) -> None:
    """Text that is not Python, or no code, is passed over."""
    assert advise(source) == ()


def test_an_imported_file_is_read_from_disk_while_it_is_unchanged(tmp_path: Path) -> None:
    """Advice rests on the code that ran: a file changed since then gives none."""
    module = tmp_path / "work.py"
    source = f"queue = []\nfor i in range(9):\n    queue.insert(0, i)  {HOT}\n"
    module.write_text(source)
    line = sample_line(3, source=source.splitlines()[2], cpu_percent=60.0)
    part = FileProfile(file=str(module), cpu_percent=60.0, lines=(line,))
    profile = sample_profile(files=(part,), stacks=())
    spots = {Figure.CPU: [Spot(str(module), line)]}
    assert [s.rule for s in Advisor(profile, Sources(profile)).suggest(spots, {})] == ["list-front"]
    module.write_text("\n" + source)
    assert Advisor(profile, Sources(profile)).suggest(spots, {}) == ()


def test_suggestions_come_by_figure_and_weight() -> None:
    """CPU time first, then waiting, then memory; the heaviest line of each first."""
    source = textwrap.dedent(
        f"""
        import subprocess
        import json  {HOT}
        import numpy  {HOT}
        subprocess.run(["make"])  {HOT}
        rows = list(range(9_999_999))  {HOT}
        """
    )
    shares = [
        {"cpu_percent": 10.0},
        {"cpu_percent": 30.0},
        {"cpu_percent_system": 90.0},
        {"malloc_mb": 90.0, "retained_mb": 90.0},
    ]
    spots = [Spot(SCRIPT, sample_line(n, source="x", **share)) for n, share in enumerate(shares, 3)]
    profile = profile_of(source, spots)
    found = Advisor(profile, Sources(profile)).suggest(dict.fromkeys(Figure, spots), {})
    assert [suggestion.lineno for suggestion in found] == [4, 3, 5, 6]


def test_a_suggestion_as_text() -> None:
    """Where, why and what to do, in three lines."""
    lines = advise(MEMBERSHIP)[0].lines()
    assert lines[0] == f"- {SCRIPT}:3 in work: if i not in seen: # HOT"
    assert lines[1].strip().startswith("60.0 % of CPU time: `i not in seen` searches")
    assert lines[2].strip().startswith("Keep the items in a set")
