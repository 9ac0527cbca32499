"""A gateway of our own, on a free port with a data directory that goes away."""

import http.client
import json
import os
import signal
import subprocess
import sys
import time
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from pathlib import Path
from tempfile import TemporaryDirectory
from urllib.parse import urlsplit

import psutil

from dynogate.client import GatewayClient
from tests.ports import free_port

START_LIMIT_SEC = 30.0


class GatewayProcess:
    """``dynogate serve`` as a child process.

    Args:
        data_dir: its store.
        roots: where scripts may be profiled from.
        env: further settings.
    """

    def __init__(
        self, data_dir: Path, roots: Sequence[Path], env: Mapping[str, str] | None = None
    ) -> None:
        self.data_dir = data_dir
        self.roots = tuple(roots)
        self.env = dict(env or {})
        self.port = free_port()
        self.url = f"http://127.0.0.1:{self.port}"
        self._process: subprocess.Popen[bytes] | None = None

    @property
    def pid(self) -> int:
        """The process's id.

        Raises:
            RuntimeError: it is not running.
        """
        if self._process is None:
            raise RuntimeError("the gateway is not running")
        return self._process.pid

    def cpu_sec(self) -> float:
        """CPU seconds that the gateway's own process has used so far."""
        used = psutil.Process(self.pid).cpu_times()
        return float(used.user + used.system)

    @property
    def log_path(self) -> Path:
        """Where its log goes."""
        return self.data_dir / "gateway.log"

    def start(self) -> None:
        """Start it and wait until it is ready.

        Raises:
            RuntimeError: it ended, or was not ready in ``START_LIMIT_SEC``; with its log.
        """
        command = [sys.executable, "-m", "dynogate", "serve", "--port", str(self.port)]
        command += ["--data-dir", str(self.data_dir)]
        for root in self.roots:
            command += ["--root", str(root)]
        env = {**os.environ, "DYNOGATE_RATE_LIMIT": "off", "DYNOGATE_LOG_LEVEL": "warning"}
        with self.log_path.open("ab") as log:
            self._process = subprocess.Popen(
                command, env={**env, **self.env}, stdout=log, stderr=log, start_new_session=True
            )
        self._wait_until_ready(self._process)

    def _wait_until_ready(self, process: subprocess.Popen[bytes]) -> None:
        deadline = time.monotonic() + START_LIMIT_SEC
        while time.monotonic() < deadline:
            if process.poll() is not None:
                break
            if _ready(self.port):
                return
            time.sleep(0.05)
        self.kill()
        raise RuntimeError(f"the gateway did not start:\n{self.log_path.read_text()[-4000:]}")

    def stop(self) -> None:
        """End it the polite way."""
        self._signal(signal.SIGTERM)

    def kill(self) -> None:
        """End it at once (``kill -9``)."""
        self._signal(signal.SIGKILL)

    def _signal(self, number: int) -> None:
        if self._process is None:
            return
        self._process.send_signal(number)
        self._process.wait(60)
        self._process = None


def _ready(port: int) -> bool:
    connection = http.client.HTTPConnection("127.0.0.1", port, timeout=5)
    try:
        connection.request("GET", "/health/ready")
        return connection.getresponse().status == 200
    except OSError:
        return False
    finally:
        connection.close()


@contextmanager
def gateway(
    roots: Sequence[Path], *, env: Mapping[str, str] | None = None
) -> Iterator[GatewayProcess]:
    """A gateway for the time of a ``with`` block.

    Raises:
        RuntimeError: it did not start.
    """
    with TemporaryDirectory(prefix="dynogate-bench-") as name:
        process = GatewayProcess(Path(name), roots, env)
        process.start()
        try:
            yield process
        finally:
            process.stop()


@contextmanager
def client(url: str | None, roots: Sequence[Path]) -> Iterator[GatewayClient]:
    """A client of the gateway at ``url``, or of one of our own."""
    if url is not None:
        with GatewayClient(url) as ours:
            yield ours
        return
    with gateway(roots) as process, GatewayClient(process.url) as ours:
        yield ours


def tool_latencies_ms(
    url: str, tool: str, arguments: Mapping[str, object], *, calls: int, warm_up: int = 10
) -> list[float]:
    """Milliseconds of each of ``calls`` calls one after another over one kept connection.

    A bare HTTP client, so that the figures are the gateway's; the body is read to its end and not
    decoded.

    Raises:
        RuntimeError: a call did not succeed.
    """
    request = {"jsonrpc": "2.0", "id": 1, "method": tool, "params": arguments}
    body = json.dumps(request).encode()
    connection = http.client.HTTPConnection(urlsplit(url).netloc, timeout=60)
    took = []
    for _ in range(warm_up + calls):
        start = time.perf_counter()
        connection.request(
            "POST", "/mcp/tools/call", body, headers={"content-type": "application/json"}
        )
        answer = connection.getresponse()
        content = answer.read()
        took.append((time.perf_counter() - start) * 1000)
        if answer.status != 200 or b'"error"' in content[:200]:
            raise RuntimeError(f"{tool} failed: {answer.status} {content[:500]!r}")
    connection.close()
    return took[warm_up:]


def stdout_of(client: GatewayClient, profile_id: str) -> str:
    """What the profiled program printed."""
    arguments = {"profile_id": profile_id, "format": "full"}
    file = client.call("get_profile", arguments).structured_content
    return str(json.loads(file["content"])["stdout"])
