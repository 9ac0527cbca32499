"""Pairs of programs for the comparison benchmark."""

import pytest

from benchmarks.compare_pairs.programs import PARTS, Pair, Part, _with_redundant_loop
from benchmarks.compare_pairs.run import Outcome

SLOWER = Pair("slower-00", "before", "after", "Ledger.post", 1.15)


@pytest.mark.parametrize("part", PARTS, ids=lambda part: part.name)
def test_redundant_work_is_a_second_loop_of_the_same_part(part: Part) -> None:
    """The slowed part is still valid Python, with its loop once more."""
    slowed = _with_redundant_loop(part, 7)
    compile(slowed.text.replace("$n", "3"), part.name, "exec")
    assert slowed.text.count("range(7)") == 1
    assert slowed.text.count("$n") == 1


@pytest.mark.parametrize(
    ("verdict", "culprit", "right"),
    [
        ("regression", "Ledger.post", True),
        ("regression", "Ledger.post.<locals>.<genexpr>", True),
        ("regression", "mix", False),
        ("regression", None, False),
        ("inconclusive", "Ledger.post", False),
    ],
)
def test_a_slowdown_has_to_be_found_and_rightly_attributed(
    verdict: str, culprit: str | None, right: bool
) -> None:
    """The right verdict about the wrong function does not count."""
    assert Outcome(SLOWER, verdict, 1.15, culprit).right is right


@pytest.mark.parametrize(
    ("verdict", "right"),
    [("no_change", True), ("inconclusive", True), ("regression", False), ("improvement", False)],
)
def test_of_identical_programs_no_change_may_be_claimed(verdict: str, right: bool) -> None:
    """Saying that nothing is certain is no false verdict."""
    same = Pair("same-00", "text", "text", None, 1.0)
    assert Outcome(same, verdict, 1.0, None).right is right
