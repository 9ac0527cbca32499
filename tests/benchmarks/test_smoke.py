"""The benchmarks' own code, run once on a little of the real thing."""

from pathlib import Path

import pytest

from benchmarks.__main__ import listing
from benchmarks._gateway import gateway, tool_latencies_ms
from benchmarks.ground_truth.corpus import load
from benchmarks.ground_truth.judges import GatewayJudge, LibraryJudge
from benchmarks.ground_truth.run import judge_all
from dynogate.client import GatewayClient


@pytest.mark.slow
def test_programs_are_judged_through_the_library(tmp_path: Path) -> None:
    """A planted hot line is found by the real profiler."""
    (scored,) = judge_all(load("cpu_for_last_line"), LibraryJudge(), tmp_path.resolve())
    assert scored.right, scored.row()


@pytest.mark.slow
def test_programs_are_judged_through_a_gateway(tmp_path: Path) -> None:
    """A leak and its rate are told over HTTP, and the program's own measurement arrives."""
    folder = tmp_path.resolve()
    with gateway([folder]) as process:
        with GatewayClient(process.url) as client:
            (scored,) = judge_all(load("leak_list_20"), GatewayJudge(client), folder)
        took = tool_latencies_ms(process.url, "list_profiles", {}, calls=3, warm_up=1)
    assert scored.observed.problem is None
    assert scored.observed.true_rates
    assert scored.found == 1, scored.row()
    assert len(took) == 3


def test_every_benchmark_can_be_listed(capsys: pytest.CaptureFixture[str]) -> None:
    """Each module imports and says what it measures."""
    assert listing() == 0
    assert "kill9" in capsys.readouterr().out
