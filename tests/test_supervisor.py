"""Several server processes, and what becomes of them when one, or their supervisor, dies."""

import contextlib
import http.client
import os
import signal
import subprocess
import sys
from pathlib import Path

import psutil
import pytest

from tests.live import as_process, until
from tests.ports import free_port

APP = """
import os
import sys
from contextlib import asynccontextmanager
from pathlib import Path

import uvicorn
from starlette.applications import Starlette
from starlette.responses import PlainTextResponse
from starlette.routing import Route

from dynogate.supervisor import supervise

FOLDER = Path(__file__).parent


@asynccontextmanager
async def lifespan(app):
    if (FOLDER / "obstacle").exists():
        with (FOLDER / "failures").open("a") as failures:
            failures.write("x")
        raise RuntimeError("something is in the way")
    yield


async def pid(request):
    return PlainTextResponse(str(os.getpid()))


app = Starlette(routes=[Route("/", pid)], lifespan=lifespan)

if __name__ == "__main__":
    config = uvicorn.Config("app:app", port=int(sys.argv[1]), workers=2, log_config=None)
    sys.exit(0 if supervise(config) else 1)
"""


def servers(port: int) -> set[int]:
    """Who answers, asked often enough to meet everyone."""
    found = set()
    for _ in range(30):
        connection = http.client.HTTPConnection("127.0.0.1", port, timeout=5)
        with (
            contextlib.closing(connection),
            contextlib.suppress(OSError, http.client.HTTPException),
        ):
            connection.request("GET", "/")
            found.add(int(connection.getresponse().read()))
    return found


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    (tmp_path / "app.py").write_text(APP)
    return tmp_path


def start(folder: Path, port: int) -> subprocess.Popen[bytes]:
    return subprocess.Popen(
        [sys.executable, str(folder / "app.py"), str(port)],
        env={**os.environ, "PYTHONPATH": str(folder)},
        stderr=subprocess.DEVNULL,
    )


def test_one_that_cannot_take_a_dead_ones_place_is_tried_again(folder: Path) -> None:
    """And the other one serves on meanwhile."""
    port, failures = free_port(), folder / "failures"
    with start(folder, port) as supervisor:
        try:
            until(lambda: len(servers(port)) == 2, "both to serve")
            victim, other = servers(port)
            (folder / "obstacle").touch()
            os.kill(victim, signal.SIGKILL)
            until(lambda: failures.exists() and len(failures.read_text()) > 1, "two tries")
            assert servers(port) == {other}
            (folder / "obstacle").unlink()
            until(lambda: len(servers(port)) == 2, "both to serve again")
        finally:
            supervisor.terminate()
    assert supervisor.returncode == 0


def test_one_that_cannot_start_at_the_first_try_is_the_end(folder: Path) -> None:
    """Whoever starts the gateway shall see that it cannot."""
    (folder / "obstacle").touch()
    with start(folder, free_port()) as supervisor:
        assert supervisor.wait(60) == 1


def test_server_processes_end_with_their_supervisor(tmp_path: Path) -> None:
    """Even when it is killed: the next one needs the port."""
    with as_process(tmp_path, "--workers", "2") as live:
        assert live.process is not None
        workers = psutil.Process(live.process.pid).children(recursive=True)
        assert len(workers) >= 2
        live.process.kill()
        _, left = psutil.wait_procs(workers, timeout=20)
        assert left == []
