"""Gateways for tests: in this process (fast, covered) and as a process of their own (real)."""

import contextlib
import json
import os
import signal
import socket
import subprocess
import sys
import threading
import time
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import httpx2
import uvicorn
from starlette.applications import Starlette

from dynogate.tls import NO_TLS
from tests.ports import free_port

JSON = {"content-type": "application/json"}


@dataclass
class Live:
    """A gateway that answers at ``url``."""

    url: str
    process: subprocess.Popen[bytes] | None = None
    log: Path | None = None

    def post(self, body: object = None, *, content: bytes | None = None, **headers: str) -> Any:
        """POST to /mcp/tools/call; the response."""
        data = content if content is not None else _encode(body)
        head = {**JSON, **{name.replace("_", "-"): value for name, value in headers.items()}}
        with httpx2.Client(timeout=120, verify=NO_TLS) as client:
            return client.post(f"{self.url}/mcp/tools/call", content=data, headers=head)

    def call(self, tool: str, **arguments: object) -> Any:
        """Call a tool by its name; the decoded JSON-RPC response."""
        body = {"jsonrpc": "2.0", "id": 1, "method": tool, "params": arguments}
        return self.post(body).json()

    def result(self, tool: str, **arguments: object) -> Any:
        """The structured content of a call that must succeed."""
        answer = self.call(tool, **arguments)
        assert "result" in answer, answer
        return answer["result"]["structuredContent"]

    def get(self, path: str, **headers: str) -> Any:
        """GET a path; the response."""
        head = {name.replace("_", "-"): value for name, value in headers.items()}
        with httpx2.Client(timeout=30, verify=NO_TLS) as client:
            return client.get(self.url + path, headers=head)


def _encode(body: object) -> bytes:
    return json.dumps(body).encode()


@contextlib.contextmanager
def in_process(app: Starlette, *, plain: bool = False) -> Iterator[Live]:
    """Serve ``app`` from a thread of this process; ``plain`` where it is not a whole gateway."""
    config = uvicorn.Config(
        app,
        port=0,
        log_config=None,
        http="httptools" if plain else "dynogate.transports.protocol:HttpProtocol",
        ws="dynogate.transports.websocket_protocol:WebSocketProtocol",
        timeout_graceful_shutdown=5,
    )
    server = uvicorn.Server(config)
    listener = socket.create_server(("127.0.0.1", 0))
    thread = threading.Thread(target=server.run, kwargs={"sockets": [listener]})
    thread.start()
    try:
        until(lambda: server.started or not thread.is_alive(), "the server to start")
        yield Live(f"http://127.0.0.1:{listener.getsockname()[1]}")
    finally:
        server.should_exit = True
        thread.join(20)
        listener.close()
    assert not thread.is_alive()


@contextlib.contextmanager
def as_process(data_dir: Path, *options: str, env: dict[str, str] | None = None) -> Iterator[Live]:
    """Serve with ``dynogate serve`` in a process of its own; it must stop cleanly on SIGTERM."""
    port = free_port()
    log = data_dir / f"gateway-{port}.log"
    with log.open("wb") as stderr:
        process = subprocess.Popen(
            [sys.executable, "-m", "dynogate", "serve", "--port", str(port), *options],
            env={**os.environ, "DYNOGATE_DATA_DIR": str(data_dir), **(env or {})},
            stderr=stderr,
            stdin=subprocess.DEVNULL,
        )
    live = Live(f"http://127.0.0.1:{port}", process, log)
    try:
        until(lambda: process.poll() is not None or _ready(live), "the gateway to be ready")
        assert process.poll() is None, log.read_text()
        yield live
    finally:
        if process.poll() is None:
            process.send_signal(signal.SIGTERM)
        try:
            process.wait(60)
        finally:
            process.kill()


def _ready(live: Live) -> bool:
    try:
        return bool(live.get("/health/ready").status_code == 200)
    except httpx2.TransportError:
        return False


def until(condition: Any, what: str, seconds: float = 60.0) -> None:
    deadline = time.monotonic() + seconds
    while not condition():
        assert time.monotonic() < deadline, f"waited {seconds} s for {what}"
        time.sleep(0.02)
