"""The servers under test: each a real process, on a core of its own where there is one."""

import os
import socket
import subprocess
import sys
import time
from collections.abc import Mapping
from contextlib import closing
from dataclasses import dataclass, field
from pathlib import Path

from dynogate.app import open_database
from dynogate.settings import load_settings
from dynogate.store.keys import KeyTable
from tests.ports import free_port

START_LIMIT_SEC = 60.0
_ROOT = Path(__file__).parents[2]


@dataclass(frozen=True, slots=True, eq=False)
class Server:
    """How a server is started.

    Attributes:
        command: the arguments of Python; ``--port`` is added.
        tools: how many tools it is given.
        needs: a package that has to be installed.
        asks_for_key: whether it is a gateway that lets only holders of an API key in.
    """

    command: tuple[str, ...]
    tools: int = 50
    needs: str | None = None
    asks_for_key: bool = False
    env: Mapping[str, str] = field(default_factory=dict)


class Running:
    """A server process with a folder of its own, until :meth:`stop`.

    Attributes:
        credentials: the headers that let a client in.

    Raises:
        RuntimeError: it ended, or did not listen in ``START_LIMIT_SEC``; with its log.
    """

    def __init__(self, server: Server, folder: Path, core: int | None) -> None:
        folder.mkdir()
        self._log = folder / "server.log"
        self.credentials = _key(folder) if server.asks_for_key else {}
        port = free_port()
        self.url = f"http://127.0.0.1:{port}"
        ours = {"BENCH_TOOLS": str(server.tools), "DYNOGATE_DATA_DIR": str(folder)}
        with self._log.open("wb") as log:
            self._process = subprocess.Popen(
                [sys.executable, *server.command, "--port", str(port)],
                env={**os.environ, **ours, **server.env},
                cwd=_ROOT,
                stdin=subprocess.DEVNULL,
                stdout=log,
                stderr=log,
            )
        self.pid = self._process.pid
        if core is not None:
            os.sched_setaffinity(self.pid, {core})  # its threads will inherit it
        self._wait(port)

    def _wait(self, port: int) -> None:
        deadline = time.monotonic() + START_LIMIT_SEC
        while time.monotonic() < deadline and self._process.poll() is None:
            try:
                socket.create_connection(("127.0.0.1", port), timeout=5).close()
            except OSError:
                time.sleep(0.05)
            else:
                return
        self.stop()
        raise RuntimeError(f"the server did not start:\n{self._log.read_text()[-4000:]}")

    def stop(self) -> None:
        """End it."""
        self._process.terminate()
        try:
            self._process.wait(20)
        except subprocess.TimeoutExpired:
            self._process.kill()
            self._process.wait()


def _key(data_dir: Path) -> Mapping[str, str]:
    """A new key of the gateway whose store is there; from the first on, it asks for one."""
    with closing(open_database(load_settings(data_dir=data_dir))) as database:
        _, key = KeyTable(database).create("bench", ["tools:read"])
    return {"Authorization": f"Bearer {key}"}
