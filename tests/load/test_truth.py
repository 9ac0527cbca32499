"""Coordinated omission: a frozen server's latency is what arithmetic says it is."""

import json
from pathlib import Path

import pytest

from dynogate.load.command.main import main
from tests.load.servers import good


@pytest.mark.slow
def test_a_server_frozen_a_fifth_of_the_time(tmp_path: Path) -> None:
    """0.6 s in every 3: p95 is three quarters of the freeze, p99 nineteen twentieths.

    ``benchmarks.load_truth`` is the same for longer, and with the freeze of the field's examples.
    """
    path = tmp_path / "report.json"
    with good(FREEZE="3,0.6") as server:
        words = ["concurrent", "--url", server.url, "--rate", "100", "--duration", "9"]
        main([*words, "--quiet", "--json", str(path)])
    times = json.loads(path.read_text())["response_time"]
    assert times["p95"] == pytest.approx(0.45, rel=0.1)
    assert times["p99"] == pytest.approx(0.57, rel=0.1)
    assert times["p50"] < 0.1
