"""Advice with its line, its evidence and its rule; none where there is nothing to say."""

import ast
from collections.abc import Mapping, Sequence
from functools import cached_property
from itertools import islice

from pydantic import Field

from dynogate.profiling.analysis.hotspots import Located, Place, Spot
from dynogate.profiling.analysis.patterns import HotLine
from dynogate.profiling.analysis.rules import RULES, Figure, Rule, figure_of, figure_text
from dynogate.profiling.analysis.syntax import Sources, SourceTree
from dynogate.profiling.models import Frame, ProfileResult
from dynogate.profiling.text import clip

_MOST_LINES = 25
"""Hot lines looked at for each figure: each may need its file parsed."""

_MOST_CALLERS = 10
"""Callers of a line among which a loop is looked for: each may need its file parsed, too."""

_FIGURES = tuple(Figure)


class Suggestion(Located):
    """One piece of advice about one line."""

    rule: str = Field(description="Name of the rule that speaks.")
    detects: str = Field(description="What the rule looks for.")
    evidence: str = Field(description="The figure that makes the line hot, and the code found.")
    advice: str = Field(description="What to do about it.")
    reference: str = Field(description="Where the advice is from.")

    def lines(self) -> list[str]:
        """The suggestion as three lines of text."""
        return [
            f"- {self.place} in {self.function}: {clip(self.source)}",
            f"    {self.evidence} [{self.rule}]",
            f"    {self.advice}",
        ]


class Advisor:
    """Applies the rules to the hot lines of one profile."""

    def __init__(
        self, profile: ProfileResult, sources: Sources, rules: Sequence[Rule] = RULES
    ) -> None:
        self._rules = sorted(rules, key=lambda rule: rule.last_resort)
        self._sources = sources
        self._stacks = profile.stacks
        self._hot_lines: dict[Place, HotLine | None] = {}

    def suggest(
        self, spots: Mapping[Figure, Sequence[Spot]], floors: Mapping[Figure, float]
    ) -> tuple[Suggestion, ...]:
        """What there is to say: CPU time first, then waiting, then memory, heaviest lines first.

        Args:
            spots: the lines to look at for each figure, hottest first.
            floors: the caller's own threshold for a figure; a rule's floor counts if higher.
        """
        found: list[tuple[int, float, Suggestion]] = []
        said: set[tuple[str, str, int]] = set()
        spoken_of: set[Place] = set()
        for rule in self._rules:
            floor = max(rule.floor, floors.get(rule.figure, 0.0))
            for spot in spots.get(rule.figure, ())[:_MOST_LINES]:
                value = figure_of(spot.line, rule.figure)
                if value < floor or (rule.last_resort and spot.place in spoken_of):
                    continue
                hot = self._hot_line(spot)
                topic = (rule.name, *_anchor(hot)) if hot else None
                code = rule.pattern(hot) if hot and topic not in said else None
                if topic is not None and code is not None:
                    said.add(topic)
                    spoken_of.add(spot.place)
                    found.append(
                        (_FIGURES.index(rule.figure), -value, _suggestion(rule, spot, code))
                    )
        found.sort(key=lambda entry: (*entry[:2], entry[2].place, entry[2].rule))
        return tuple(suggestion for _, _, suggestion in found)

    def _hot_line(self, spot: Spot) -> HotLine | None:
        if spot.place not in self._hot_lines:
            self._hot_lines[spot.place] = self._read(spot)
        return self._hot_lines[spot.place]

    def _read(self, spot: Spot) -> HotLine | None:
        tree = self._sources.tree(spot.file)
        statement = tree.statement(spot.line.lineno) if tree else None
        if tree is None or statement is None:
            return None
        return HotLine(
            file=spot.file,
            line=spot.line,
            tree=tree,
            statement=statement,
            find_loop_above=lambda: self._loop_above(spot.place),
        )

    def _loop_above(self, place: Place) -> str | None:
        """Where the heaviest stack through a line shows a call from a loop above it."""
        stack = self._heaviest.get(place, ())
        pairs = zip(stack[-2::-1], stack[:0:-1], strict=True)
        for caller, callee in islice(pairs, _MOST_CALLERS):
            tree = self._sources.tree(caller.file)
            statement = tree.statement(caller.lineno) if tree else None
            if tree and statement and _calls_in_loop(tree, statement, callee.function):
                return f"{caller.file}:{caller.lineno}"
        return None

    @cached_property
    def _heaviest(self) -> dict[Place, tuple[Frame, ...]]:
        """For each place, the frames down to it in the stack with the most time through it."""
        heaviest: dict[Place, tuple[float, tuple[Frame, ...]]] = {}
        for stack in self._stacks:
            for depth, frame in enumerate(stack.frames):
                place = (frame.file, frame.lineno)
                if stack.cpu_sec > heaviest.get(place, (0.0, ()))[0]:
                    heaviest[place] = (stack.cpu_sec, stack.frames[: depth + 1])
        return {place: frames for place, (_, frames) in heaviest.items()}


def _calls_in_loop(tree: SourceTree, statement: ast.stmt, function: str) -> bool:
    if tree.loops(statement):
        return True
    name = function.rpartition(".")[2]
    return any(
        isinstance(node, ast.Call) and _last_name(node.func) == name and tree.loops(node)
        for node in tree.nodes(statement)
    )


def _last_name(called: ast.expr) -> str:
    if isinstance(called, ast.Attribute):
        return called.attr
    return called.id if isinstance(called, ast.Name) else ""


def _anchor(hot: HotLine) -> tuple[str, int]:
    """What a rule speaks about once: the outermost loop around the line, or the line itself."""
    loops = hot.tree.loops(hot.statement)
    return hot.file, loops[-1].lineno if loops else hot.statement.lineno


def _suggestion(rule: Rule, spot: Spot, code: str) -> Suggestion:
    line = spot.line
    return Suggestion(
        file=spot.file,
        lineno=line.lineno,
        function=line.function,
        source=line.source.rstrip("\n"),
        rule=rule.name,
        detects=rule.detects,
        evidence=f"{figure_text(line, rule.figure)}: {code}",
        advice=rule.advice,
        reference=rule.reference,
    )
