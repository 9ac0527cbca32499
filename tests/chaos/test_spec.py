"""Experiments are checked before anything runs."""

from pathlib import Path
from typing import Any

import pytest

from chaos.rig.toxiproxy import ATTRIBUTES
from chaos.spec import Experiment, all_experiments, read_experiment
from dynogate.errors import ConfigurationError
from tests.chaos.made import document


def with_block(**change: Any) -> dict[str, Any]:
    made = document()
    made["extensions"][0] |= change
    return made


BAR = {"says": "b", "probe": "proof", "figure": "one", "at_most": 1}


@pytest.mark.parametrize(
    ("made", "reason"),
    [
        (with_block(proof=["poof"]), "activity 'poof'"),
        (with_block(proof=[]), "proof"),
        (with_block(window={"begins": "brake", "ends": "proof"}), "activity 'brake'"),
        (with_block(passes_when=[{**BAR, "probe": "prof"}]), "activity 'prof'"),
        (with_block(passes_when=[]), "passes_when"),
        (with_block(passes_when=[{"says": "b", "figure": "p99", "at_most": 1}]), "of a stream or"),
        (with_block(passes_when=[{**BAR, "at_most": None}]), "needs at_most or at_least"),
        (with_block(passes_when=[{**BAR, "at_most": {"times": 2}}]), "has no base phase"),
        (with_block(passes_when=[{**BAR, "probe": None, "stream": "s"}]), "is no figure"),
        (
            with_block(passes_when=[{**BAR, "probe": None, "stream": "s", "figure": "p99"}]),
            "stream 's'",
        ),
        (with_block(recovery={"stream": "s", "within": 5}), "stream 's'"),
        (with_block(needs=["mysql"]), "needs"),
        (
            with_block(
                load={"seconds": 9, "streams": [{"name": "s", "rate": 9, "authenticated": True}]}
            ),
            "no issuer for 's'",
        ),
        (with_block(pases_when=[]), "pases_when"),
        ({**document(), "extensions": []}, "no block 'dynogate'"),
        ({**document(), "title": ""}, "requires a title"),
    ],
)
def test_what_would_never_be_judged_is_refused(made: dict[str, Any], reason: str) -> None:
    """A misspelt name, a bar without a limit, an experiment without proof."""
    with pytest.raises(ConfigurationError, match=reason):
        Experiment("e", made)


def test_two_activities_of_one_name_are_refused() -> None:
    """A proof could be either."""
    made = document()
    made["method"].append(made["method"][-1])
    with pytest.raises(ConfigurationError, match="two activities of one name"):
        Experiment("e", made)


@pytest.mark.parametrize("text", ["- 1", "{", None])
def test_a_file_that_is_no_experiment(tmp_path: Path, text: str | None) -> None:
    """Says which, and why."""
    path = tmp_path / "broken.yaml"
    if text is not None:
        path.write_text(text)
    with pytest.raises(ConfigurationError, match=r"broken\.yaml"):
        read_experiment(path)


def test_the_experiments_are_good() -> None:
    """All of them are read, with a name and a place in the matrix of their own."""
    experiments = all_experiments()
    assert len(experiments) >= 7
    places = [(each.spec.service, each.spec.fault, each.spec.how) for each in experiments]
    assert len(set(places)) == len(places)


def test_the_experiments_ask_for_toxics_that_exist() -> None:
    """A misspelt attribute would be refused only when it is too late to save time."""
    for experiment in all_experiments():
        for each in experiment.activities.values():
            arguments = each["provider"].get("arguments", {})
            if "toxic" in arguments:
                assert set(arguments["attributes"]) <= ATTRIBUTES[arguments["toxic"]]
