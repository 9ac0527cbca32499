"""The table of controls fits the experiments and the defects that are there."""

import importlib
import subprocess
import sys

import pytest

from chaos.controls import defects
from chaos.controls.catalogue import CONTROLS, Control, choose, plant
from chaos.rig.gateway import ROOT
from chaos.spec import FOLDER, read_experiment
from dynogate.errors import ConfigurationError
from tests.chaos.made import experiment


@pytest.mark.parametrize("control", CONTROLS, ids=lambda control: control.name)
def test_each_control_has_its_experiment_and_bar(control: Control) -> None:
    """The defect comes in beside the toolsets that the experiment has anyway."""
    healthy = read_experiment(FOLDER / f"{control.experiment}.yaml")
    assert healthy.spec.quick, "that it is green without the defect is to be seen in every run"
    broken = plant(control, healthy)
    toolsets = str(broken.spec.gateway.settings["toolsets"]).split(",")
    assert toolsets[0] == "chaos.toolset:toolset"
    assert toolsets[-1] == control.toolset
    assert "defects" not in str(healthy.document)


def test_each_defect_is_planted_in_a_process_of_its_own() -> None:
    """And every one that is there has to be caught by something."""
    names = {path.stem for path in (ROOT / "chaos/controls/defects").glob("[a-z]*.py")}
    assert {control.name.replace("-", "_") for control in CONTROLS} == names
    imports = "; ".join(f"import {defects.__name__}.{name}" for name in sorted(names))
    subprocess.run([sys.executable, "-c", imports], cwd=ROOT, check=True)
    loaded = [name for name in sys.modules if name.startswith(f"{defects.__name__}.")]
    assert not loaded, "a defect got into the tests' own process"


def test_a_bar_that_is_not_there_is_refused() -> None:
    """A misspelt one could never be broken."""
    control = Control(name="no-limiter", experiment="e", breaks="nothing fials")
    with pytest.raises(ConfigurationError, match="no bar 'nothing fials', but nothing fails"):
        plant(control, experiment())


def test_settings_of_the_experiment_stay() -> None:
    """The defect is the only difference."""
    made = experiment()
    made.document["extensions"][0]["gateway"] = {
        "settings": {"workers": 2, "toolsets": "chaos.toolset:toolset,chaos.work:toolset"}
    }
    control = Control(name="no-limiter", experiment="e", breaks="nothing fails")
    settings = plant(control, made).spec.gateway.settings
    assert settings["workers"] == 2
    assert settings["toolsets"] == (
        "chaos.toolset:toolset,chaos.work:toolset,chaos.controls.defects.no_limiter:toolset"
    )


def test_an_unknown_control_is_refused() -> None:
    """With those there are."""
    assert choose([]) == CONTROLS
    with pytest.raises(ConfigurationError, match="'nope'; there are no-timeout"):
        choose(["nope"])


def test_defects_are_not_part_of_the_gateway() -> None:
    """Its own toolsets load none of them."""
    importlib.import_module("dynogate.tools.chaos")
    assert not [name for name in sys.modules if name.startswith(f"{defects.__name__}.")]
