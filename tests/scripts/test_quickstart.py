"""The quick start, against real gateways: what it prints, and that it leaves nothing behind."""

import os
import re
import signal
import socket
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import psutil
import pytest

from tests.ports import free_port

ROOT = Path(__file__).resolve().parents[2]
COMMAND = [sys.executable, str(ROOT / "scripts" / "quickstart.py")]


@pytest.fixture
def port() -> int:
    """A port that is free."""
    return free_port()


@pytest.fixture
def env(tmp_path: Path) -> dict[str, str]:
    """An environment with a store of its own."""
    return {**os.environ, "DYNOGATE_DATA_DIR": str(tmp_path / "data"), "COLUMNS": "120"}


def hear_ctrl_c() -> None:
    """Shells start background jobs deaf to Ctrl-C; these tests may run in one."""
    signal.signal(signal.SIGINT, signal.SIG_DFL)


@pytest.fixture
def quickstart(port: int, env: dict[str, str]) -> Iterator[subprocess.Popen[str]]:
    """A quick start that goes on serving after its table."""
    process = subprocess.Popen(
        [*COMMAND, "--port", str(port)],
        env=env,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
        preexec_fn=hear_ctrl_c,
    )
    yield process
    process.kill()
    process.communicate()


def read_until(process: subprocess.Popen[str], start: str) -> None:
    """Read what it prints up to the line that begins with ``start``."""
    assert process.stdout is not None
    assert any(line.startswith(start) for line in process.stdout)


def gateway_of(process: subprocess.Popen[str]) -> psutil.Process:
    (gateway,) = psutil.Process(process.pid).children()
    return gateway


def can_connect(port: int) -> bool:
    with socket.socket() as client:
        return client.connect_ex(("127.0.0.1", port)) == 0


def figures(line: str) -> list[float]:
    return [float(figure) for figure in re.findall(r"(?<= )\d+\.\d(?= |$)", line)]


def test_once_prints_the_hot_lines_and_stops(port: int, env: dict[str, str]) -> None:
    """The planted hot line and the planted leak lead their tables, and the gateway is gone."""
    command = [*COMMAND, "--once", "--port", str(port)]
    done = subprocess.run(command, env=env, capture_output=True, text=True)
    assert done.returncode == 0, done.stderr
    rows = [line for line in done.stdout.splitlines() if re.match(r"\w+\.py:\d+ ", line)]
    hottest = next(row for row in rows if row.startswith("dedupe.py"))
    assert "if name not in names:" in hottest
    assert figures(hottest)[0] > 80
    leak = next(row for row in rows if "return page.encode()" in row)
    assert figures(leak)[-1] > 30
    assert not can_connect(port)


def test_a_taken_port_is_told_with_the_way_out(port: int, env: dict[str, str]) -> None:
    """Nothing is started on a port that is in use; the message names --port."""
    with socket.create_server(("127.0.0.1", port)):
        command = [*COMMAND, "--once", "--port", str(port)]
        done = subprocess.run(command, env=env, capture_output=True, text=True)
    assert done.returncode == 1
    assert f"cannot use port {port} (Address already in use)" in done.stderr
    assert f"./scripts/quickstart.sh --port {port + 1}" in done.stderr


@pytest.mark.parametrize("wrong", ["0", "65536", "http"])
def test_a_wrong_port_is_a_usage_error(wrong: str) -> None:
    """Ports are numbers from 1 to 65535."""
    done = subprocess.run([*COMMAND, "--port", wrong], capture_output=True, text=True)
    assert done.returncode == 2
    assert "--port" in done.stderr


def test_a_gateway_that_cannot_start_is_explained_by_its_log(
    port: int, env: dict[str, str]
) -> None:
    """The end of the gateway's log is shown where it gave up."""
    env["DYNOGATE_DATA_DIR"] = "/proc/dynogate"
    command = [*COMMAND, "--once", "--port", str(port)]
    done = subprocess.run(command, env=env, capture_output=True, text=True)
    assert done.returncode == 1
    assert "the gateway did not start" in done.stderr
    assert "DYNOGATE_DATA_DIR" in done.stderr.partition("The end of")[2]


@pytest.mark.parametrize(
    ("stop", "line"), [(signal.SIGINT, "curl "), (signal.SIGTERM, "Gateway at ")]
)
def test_a_signal_stops_the_gateway_too(
    quickstart: subprocess.Popen[str], port: int, stop: signal.Signals, line: str
) -> None:
    """Ctrl-C while it serves, or a kill while it profiles, ends it cleanly with its gateway."""
    read_until(quickstart, line)
    gateway = gateway_of(quickstart)
    quickstart.send_signal(stop)
    assert quickstart.wait(60) == 0
    assert not gateway.is_running()
    assert not can_connect(port)


def test_a_gateway_that_dies_is_noticed(quickstart: subprocess.Popen[str]) -> None:
    """The quick start does not go on as if it still served."""
    read_until(quickstart, "curl ")
    gateway_of(quickstart).kill()
    assert quickstart.wait(60) == 1
    assert quickstart.stderr is not None
    assert "the gateway ended by itself (exit status -9)" in quickstart.stderr.read()
