"""What the Chaos Toolkit lets pass with exit status 0, and the judge does not.

Each experiment is run by the kit's own command; the judge gets the very journal that it wrote.
"""

import json
import os
import subprocess
import sys
import warnings
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
import yaml
from click.testing import CliRunner

with warnings.catch_warnings():
    warnings.simplefilter("ignore", DeprecationWarning)  # in a library of the kit's
    from chaostoolkit.cli import cli

from chaos.evidence import Evidence
from chaos.judge import judge
from chaos.rig.gateway import ROOT
from chaos.rig.toxiproxy import Toxiproxy
from chaos.spec import Experiment
from tests.chaos.made import activity, document
from tests.live import until


def plain_run(folder: Path, experiment: dict[str, Any]) -> dict[str, Any]:
    """The journal of ``chaos run``, which must have called it fine."""
    path, journal = folder / "experiment.yaml", folder / "journal.json"
    path.write_text(yaml.safe_dump(experiment))
    options = ["--no-version-check", "--no-log-file", "run", "--journal-path", str(journal)]
    done = CliRunner().invoke(cli, [*options, str(path)])
    assert done.exit_code == 0, done.output
    told: dict[str, Any] = json.loads(journal.read_text())
    assert (told["status"], told["deviated"]) == ("completed", False)
    return told


def reasons(folder: Path, experiment: dict[str, Any]) -> tuple[str, ...]:
    """Why the judge does not take what the kit took."""
    journal = plain_run(folder, experiment)
    return judge(Experiment("e", experiment), Evidence(journal=journal)).reasons


def test_an_experiment_without_fault_is_green(tmp_path: Path) -> None:
    """So that each of the others has one reason to be red."""
    assert reasons(tmp_path, document()) == ()


def test_a_failed_action(tmp_path: Path) -> None:
    """The kit writes it down and goes on."""
    found = reasons(tmp_path, document(activity("action", "harm", "fail")))
    assert found == ("action 'harm' failed: chaoslib.exceptions.ActivityFailed: OSError: no way",)


def test_an_action_that_returns_false(tmp_path: Path) -> None:
    """As chaostoolkit-toxiproxy does where a toxic could not be deleted."""
    found = reasons(tmp_path, document(activity("action", "harm", "false")))
    assert found == ("action 'harm' returned False",)


def test_a_tolerance_on_a_probe_of_the_method(tmp_path: Path) -> None:
    """The kit checks tolerances of the steady state only."""
    probe = {**activity("probe", "look", "true"), "tolerance": False}
    assert reasons(tmp_path, document(probe)) == ("probe 'look' is out of its tolerance: True",)


def test_a_program_that_failed(tmp_path: Path) -> None:
    """Its exit status is a result like any other to the kit."""
    probe = {"type": "action", "name": "harm", "provider": {"type": "process", "path": "false"}}
    assert reasons(tmp_path, document(probe)) == ("action 'harm' ended with status 1",)


def test_a_rollback_that_failed(tmp_path: Path) -> None:
    """Nothing says that all is as before."""
    experiment = document()
    experiment["rollbacks"] = [activity("action", "mend", "fail")]
    assert [each[:20] for each in reasons(tmp_path, experiment)] == ["action 'mend' failed"]


def test_a_misspelt_attribute_of_a_toxic(tmp_path: Path, toxiproxy_server: Toxiproxy) -> None:
    """Toxiproxy takes it for a latency of 0 ms; the proof on the wire finds no delay."""
    link = toxiproxy_server.link("misspelt", 1)
    add = activity(
        "action",
        "harm",
        "create_toxic",
        "chaostoxi.toxic.actions",
        for_proxy="misspelt",
        toxic_name="slow",
        toxic_type="latency",
        attributes={"latancy": 200},
    )
    experiment = document(add, toxiproxy_url=toxiproxy_server.url)
    experiment["method"][-1] = activity("probe", "proof", "has_latency", port=link.port)
    experiment["method"][-1]["provider"]["arguments"] = {"url": toxiproxy_server.url}
    found = reasons(tmp_path, experiment)
    assert found[0] == "the fault did not bite: the toxic's latency is 0 ms"


def test_a_proof_that_was_never_brought(tmp_path: Path) -> None:
    """A probe that returns anything else proves nothing."""
    experiment = document()
    experiment["method"][-1] = activity("probe", "proof", "true")
    assert reasons(tmp_path, experiment)[0] == "no proof that the fault bit: 'proof' brought none"


@pytest.mark.parametrize("missing", ["rollbacks", "steady-state-hypothesis"])
def test_an_experiment_that_cannot_be_trusted_is_refused(missing: str) -> None:
    """The kit would run it."""
    experiment = document()
    del experiment[missing]
    with pytest.raises(Exception, match=r"no rollbacks|no steady state"):
        Experiment("e", experiment)


def slow_link(server: Toxiproxy, name: str) -> tuple[Any, dict[str, str]]:
    """An action that puts a toxic on a link of its own, and the experiment's configuration."""
    server.link(name, 1)
    where = {"for_proxy": name, "toxic_name": "slow", "latency": 200}
    add = activity("action", "harm", "create_latency_toxic", "chaostoxi.toxic.actions", **where)
    return add, {"toxiproxy_url": server.url}


@pytest.fixture
def own_toxiproxy(tmp_path: Path) -> Iterator[Toxiproxy]:
    """One whose links nobody else looks at."""
    server = Toxiproxy(tmp_path)
    server.start()
    yield server
    server.process.kill()


def test_a_toxic_that_is_left(tmp_path: Path, own_toxiproxy: Toxiproxy) -> None:
    """No rollback takes it off, and the kit does not look."""
    add, configuration = slow_link(own_toxiproxy, "left")
    experiment = document(add, **configuration)
    journal = plain_run(tmp_path, experiment)
    seen = Evidence(journal=journal, leftovers=own_toxiproxy.leftovers())
    found = judge(Experiment("e", experiment), seen).reasons
    assert found == ("toxic 'slow' is still on 'left'",)


def test_a_toxic_that_sigterm_leaves(tmp_path: Path, own_toxiproxy: Toxiproxy) -> None:
    """The kit's default strategy rolls nothing back then; test_command shows what is done here."""
    add, configuration = slow_link(own_toxiproxy, "left")
    experiment = document({**add, "pauses": {"after": 30}}, **configuration)
    remove = activity("action", "mend", "delete_toxic", "chaostoxi.toxic.actions")
    remove["provider"]["arguments"] = {"for_proxy": "left", "toxic_name": "slow"}
    experiment["rollbacks"] = [remove]
    path = tmp_path / "experiment.yaml"
    path.write_text(yaml.safe_dump(experiment))
    process = subprocess.Popen(
        [Path(sys.executable).with_name("chaos"), "--no-version-check", "run", path],
        cwd=tmp_path,
        env={**os.environ, "PYTHONPATH": str(ROOT)},
        stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
    )
    until(lambda: own_toxiproxy.toxics("left"), "the toxic to be in")
    process.terminate()
    process.wait(20)
    assert own_toxiproxy.leftovers() == ("toxic 'slow' is still on 'left'",)
