import os
import subprocess
import sys
from pathlib import Path

PROGRAM = """
from dynogate.telemetry.metrics import Metrics
metrics = Metrics()
metrics.calls["t", "rpc", "ok"].inc()
print(metrics.render().decode())
"""


def test_several_processes_are_summed(tmp_path: Path) -> None:
    """Each process writes its own file; whichever is asked tells the sum."""
    env = {**os.environ, "PROMETHEUS_MULTIPROC_DIR": str(tmp_path)}
    for total in (1, 2):
        command = [sys.executable, "-c", PROGRAM]
        ran = subprocess.run(command, env=env, capture_output=True, text=True, check=True)
        line = f'dynogate_tool_calls_total{{outcome="ok",tool="t",transport="rpc"}} {total}.0'
        assert line in ran.stdout
