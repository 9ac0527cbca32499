"""``python -m chaos`` as it is used, with its exit codes; signals roll back."""

import json
import os
import signal
import subprocess
import sys
from pathlib import Path

import httpx2
import psutil
import pytest

import dynogate
from chaos import command
from chaos.rig.gateway import ROOT
from dynogate import cli
from dynogate.errors import ConfigurationError
from tests.live import until


def test_the_list_names_every_experiment(capsys: pytest.CaptureFixture[str]) -> None:
    """With its place in the matrix."""
    assert command.main(["list"]) == 0
    told = capsys.readouterr().out
    assert "client-latency" in told
    assert "slow: latency +200 ms ±50" in told


@pytest.mark.parametrize(
    ("arguments", "why"),
    [
        (["nope"], "no experiment 'nope'; there are "),
        (["--quick", "client-latency"], "not both"),
        (["--html", "/nowhere/report.html"], "there is no folder for '/nowhere/report.html'"),
    ],
)
def test_usage(arguments: list[str], why: str, capsys: pytest.CaptureFixture[str]) -> None:
    """Exit status 2 before anything runs, and what would be right."""
    assert command.main(["run", *arguments]) == 2
    assert why in capsys.readouterr().err


def test_the_quick_ones_are_chosen() -> None:
    """Those that say so, and no others."""
    assert {each.name for each in command.choose([], quick=True)} == {
        each.name for each in command.choose([], quick=False) if each.spec.quick
    }


def test_a_stopped_run_rolls_back_and_reports(tmp_path: Path) -> None:
    """SIGTERM while the toxic is in: plain ``chaos run`` leaves it there."""
    report = tmp_path / "report.json"
    errors = tmp_path / "errors"
    with errors.open("wb") as told:
        process = subprocess.Popen(
            [sys.executable, "-m", "chaos", "run", "client-latency", "--json", report],
            cwd=ROOT,
            env={**os.environ, "TMPDIR": str(tmp_path)},
            stderr=told,
        )
    try:
        until(lambda: _has_toxic(process.pid), "the toxic to be in")
        below = psutil.Process(process.pid).children(recursive=True)
        process.send_signal(signal.SIGTERM)
        assert process.wait(30) == 3, errors.read_text()
    finally:
        process.kill()
    (experiment,) = json.loads(report.read_text())["experiments"]
    assert experiment["state"] == "not run"
    assert experiment["reasons"][0] == "it was stopped before its end: SIGTERM"
    assert not [each for each in experiment["reasons"] if "toxic" in each]
    done = {(a["part"], a["status"]) for a in experiment["activities"]}
    assert ("rollbacks", "succeeded") in done
    assert not [each for each in below if each.is_running()]
    assert not list(tmp_path.glob("dynogate-chaos-*"))


def _has_toxic(pid: int) -> bool:
    """Whether the Toxiproxy of this run has a toxic on the client's link."""
    for child in psutil.Process(pid).children():
        try:
            words = child.cmdline()
            if "toxiproxy" not in words[0]:
                continue
            url = f"http://127.0.0.1:{words[words.index('-port') + 1]}/proxies/client"
            return bool(httpx2.get(url, timeout=2).json().get("toxics"))
        except (httpx2.TransportError, psutil.Error, IndexError):
            continue
    return False


def test_the_gateways_command_has_a_door(capsys: pytest.CaptureFixture[str]) -> None:
    """``dynogate chaos`` is ``python -m chaos``."""
    with pytest.raises(SystemExit) as ended:
        cli.chaos("run", "nope")
    assert ended.value.code == 2
    assert "no experiment 'nope'" in capsys.readouterr().err


def test_without_a_checkout_there_are_no_experiments(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The wheel has none, and says where they are."""
    monkeypatch.setattr(dynogate, "__file__", str(tmp_path / "a" / "b" / "__init__.py"))
    with pytest.raises(ConfigurationError, match="part of a checkout"):
        cli.chaos("list")
