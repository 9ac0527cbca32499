"""Every broken gateway is caught: real runs, several at once; a defect is no matter of noise."""

import json
import os
import subprocess
import sys
from collections.abc import Iterator
from concurrent.futures import Future, ThreadPoolExecutor
from pathlib import Path
from typing import Any

import pytest

from chaos.controls.catalogue import CONTROLS, Control
from chaos.rig.gateway import ROOT

AT_ONCE = 3


def caught(control: Control, file: Path) -> Any:
    """What ``python -m chaos controls`` writes of one control."""
    done = subprocess.run(
        [
            *(sys.executable, "-m", "chaos", "controls", control.name),
            *("--broken-only", "--json", str(file)),
        ],
        cwd=ROOT,
        # Tracing would make the gateways several times slower.
        env={name: value for name, value in os.environ.items() if "COVERAGE" not in name},
        stderr=subprocess.PIPE,
        text=True,
    )
    assert file.exists(), done.stderr
    (result,) = json.loads(file.read_text())
    return result


@pytest.fixture(scope="module")
def results(tmp_path_factory: pytest.TempPathFactory) -> Iterator[dict[str, Future[Any]]]:
    folder = tmp_path_factory.mktemp("controls")
    with ThreadPoolExecutor(AT_ONCE) as pool:
        yield {
            each.name: pool.submit(caught, each, folder / f"{each.name}.json") for each in CONTROLS
        }


@pytest.mark.slow
@pytest.mark.parametrize("control", CONTROLS, ids=lambda control: control.name)
def test_a_gateway_broken_on_purpose_is_caught(
    control: Control, results: dict[str, Future[Any]]
) -> None:
    """Its experiment is red, and for the right reason; that it is green otherwise is for others."""
    result = results[control.name].result()
    assert result["caught"], result["misses"]
