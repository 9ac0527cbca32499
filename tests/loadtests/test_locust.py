"""Locust itself, as people run it, against real servers."""

import csv
import json
import os
import re
import subprocess
import sys
import threading
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

import pytest

from tests.live import Live, as_process
from tests.ports import free_port

pytestmark = pytest.mark.slow

ROOT = Path(__file__).resolve().parents[2]
# Patched as for people: the tests beside these have Locust leave their own process alone.
ENVIRONMENT = {key: value for key, value in os.environ.items() if not key.startswith("LOCUST_")}
LOCUST = [sys.executable, "-m", "locust", "-f", str(ROOT / "loadtests" / "locustfile.py")]


def locust(*options: str, host: str, cwd: Path) -> subprocess.CompletedProcess[str]:
    """A headless run, from another folder than the project's."""
    command = [*LOCUST, "--headless", "--host", host, *options]
    return subprocess.run(
        command, cwd=cwd, env=ENVIRONMENT, capture_output=True, text=True, timeout=150
    )


def rows(prefix: Path) -> dict[str, dict[str, str]]:
    """Locust's CSV statistics by name."""
    with prefix.with_name(prefix.name + "_stats.csv").open() as lines:
        return {row["Name"]: row for row in csv.DictReader(lines)}


@pytest.fixture(scope="module")
def gateway(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Live]:
    """A gateway, as people start it."""
    folder = tmp_path_factory.mktemp("gateway")
    with as_process(folder, env={"DYNOGATE_RATE_LIMIT": "off"}) as live:
        yield live


def test_the_gateway_holds_fifty_users(gateway: Live, tmp_path: Path) -> None:
    """Every kind of user has answers, and none of them a failure."""
    done = locust(
        "-u", "50", "-r", "10", "-t", "15s", "--csv", "run", host=gateway.url, cwd=tmp_path
    )
    assert done.returncode == 0, done.stdout + done.stderr
    found = rows(tmp_path / "run")
    assert int(found["Aggregated"]["Failure Count"]) == 0
    kinds = {"list_profiles", "health_check", "tools/list", "profile_code", "from code to hot line"}
    assert kinds <= found.keys()


def test_a_dead_port_fails(tmp_path: Path) -> None:
    """Nothing could be asked."""
    done = locust("-u", "2", "-t", "3s", host=f"http://127.0.0.1:{free_port()}", cwd=tmp_path)
    assert done.returncode == 1
    assert "no answer" in done.stdout + done.stderr


class Liar(BaseHTTPRequestHandler):
    """Answers 200 to everything, and every call with an error."""

    protocol_version = "HTTP/1.1"

    def do_GET(self) -> None:  # the library's name
        tool = {"name": "ping", "annotations": {"readOnlyHint": True}}
        self.answer({"tools": [tool]})

    def do_POST(self) -> None:
        call = json.loads(self.rfile.read(int(self.headers["Content-Length"])))
        error = {"code": -32603, "message": "no"}
        self.answer({"jsonrpc": "2.0", "id": call["id"], "error": error})

    def answer(self, body: object) -> None:
        data = json.dumps(body).encode()
        self.send_response(200)
        self.send_header("Content-Type", "application/json")
        self.send_header("Content-Length", str(len(data)))
        self.end_headers()
        self.wfile.write(data)

    def log_message(self, *_: object) -> None:
        """Say nothing."""


@pytest.fixture
def liar() -> Iterator[str]:
    """The URL of a server that says 200 and means no."""
    with ThreadingHTTPServer(("127.0.0.1", 0), Liar) as server:
        thread = threading.Thread(target=server.serve_forever)
        thread.start()
        yield f"http://127.0.0.1:{server.server_port}"
        server.shutdown()
        thread.join()


def test_errors_behind_a_200_fail(liar: str, tmp_path: Path) -> None:
    """The reply decides, not the status."""
    done = locust("-u", "2", "-r", "2", "-t", "4s", "HeavyMCPUser", host=liar, cwd=tmp_path)
    assert done.returncode == 1
    assert "RPC_ERROR: error -32603: no" in done.stdout + done.stderr


def test_a_limit_decides_the_exit_status(gateway: Live, tmp_path: Path) -> None:
    """It is told which was not held."""
    done = locust(
        *("-u", "1", "-t", "3s", "--max-p99", "0.001ms", "HeavyMCPUser"),
        host=gateway.url,
        cwd=tmp_path,
    )
    assert done.returncode == 1
    assert "not held: p99 of the response time" in done.stdout + done.stderr


def test_replayed_arrivals_are_all_sent_and_end_the_run(gateway: Live, tmp_path: Path) -> None:
    """Each once, shared by the users."""
    (tmp_path / "arrivals.txt").write_text("\n".join(str(n / 20) for n in range(60)))
    done = locust(
        *("-u", "4", "-r", "4", "--replay", "arrivals.txt", "--csv", "run", "HeavyMCPUser"),
        host=gateway.url,
        cwd=tmp_path,
    )
    assert done.returncode == 0, done.stdout + done.stderr
    assert int(rows(tmp_path / "run")["Aggregated"]["Request Count"]) == 60


def test_workers_share_a_schedule_and_end_with_it(gateway: Live, tmp_path: Path) -> None:
    """A master with two workers sends each arrival once, and the run ends with the last."""
    (tmp_path / "arrivals.txt").write_text("\n".join(str(n / 40) for n in range(160)))
    port = str(free_port())
    worker = [*LOCUST, "--worker", "--master-port", port]
    workers = [
        subprocess.Popen(
            worker,
            cwd=tmp_path,
            env=ENVIRONMENT,
            stdout=subprocess.DEVNULL,
            stderr=subprocess.DEVNULL,
        )
        for _ in range(2)
    ]
    try:
        done = locust(
            *("--master", "--master-bind-port", port, "--expect-workers", "2"),
            *("-u", "8", "-r", "8", "--replay", "arrivals.txt", "--csv", "run", "HeavyMCPUser"),
            host=gateway.url,
            cwd=tmp_path,
        )
        assert done.returncode == 0, done.stdout + done.stderr
        assert [each.wait(20) for each in workers] == [0, 0]
    finally:
        for each in workers:
            each.kill()
    found = rows(tmp_path / "run")
    single = [int(row["Request Count"]) for name, row in found.items() if name != "Aggregated"]
    assert int(found["Aggregated"]["Request Count"]) == sum(single) == 160


def test_a_shape_is_chosen_beside_the_locustfile(gateway: Live, tmp_path: Path) -> None:
    """The spike is over after its three phases."""
    shape = ROOT / "loadtests" / "shapes" / "spike.py"
    command = [*LOCUST[:-1], f"{LOCUST[-1]},{shape}", "--headless", "--host", gateway.url]
    options = ["-u", "6", "--step-users", "2", "--step-seconds", "2", "HeavyMCPUser"]
    done = subprocess.run(
        [*command, *options],
        cwd=tmp_path,
        env=ENVIRONMENT,
        capture_output=True,
        text=True,
        timeout=60,
    )
    assert done.returncode == 0, done.stdout + done.stderr
    assert re.search(r"6 users", done.stderr + done.stdout)
