"""Start a gateway, profile the examples through it, print their hot lines, go on serving.

``quickstart.sh`` installs what this needs and runs it.
"""

import argparse
import json
import shlex
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from types import FrameType
from typing import Any

import httpx2
from rich.console import Console
from rich.table import Table
from rich.text import Text

from dynogate.client import GatewayClient
from dynogate.errors import DynogateError

ROOT = Path(__file__).resolve().parent.parent
EXAMPLES = ROOT / "examples"
LOG = Path(sys.prefix) / "quickstart.log"
HOST = "127.0.0.1"
READY_WITHIN_SEC = 60.0
STOPPED_WITHIN_SEC = 20.0
SHOWN = 5  # lines of each example, by CPU time and by memory
WORTH_MB = 1.0  # lines that allocated less are not shown for it

Row = dict[str, Any]
Place = tuple[str, int]


class QuickstartError(Exception):
    """Why there is no table; what the gateway logged belongs to it where ``with_log``."""

    def __init__(self, message: str, *, with_log: bool = False) -> None:
        super().__init__(message)
        self.with_log = with_log


def main() -> int:
    """Run the quick start.

    Returns:
        The exit status: 0 once the table was printed and the gateway stopped on request.
    """
    parser = argparse.ArgumentParser(prog="quickstart.sh", description=__doc__)
    parser.add_argument("--once", action="store_true", help="stop after the table")
    parser.add_argument("--port", type=_port, default=8000, metavar="N", help="default: 8000")
    options = parser.parse_args()
    signal.signal(signal.SIGTERM, _interrupt)
    signal.signal(signal.SIGHUP, _interrupt)
    try:
        _require_free(options.port)
        with _gateway(options.port) as process:
            _wait_until_ready(process, options.port)
            _show_examples(options.port)
            if not options.once:
                _serve(process, options.port)
    except QuickstartError as error:
        return _fail(str(error), with_log=error.with_log)
    except DynogateError as error:
        return _fail(error.message, with_log=True)
    except KeyboardInterrupt:
        print("\nStopped.")
    return 0


def _port(text: str) -> int:
    port = int(text)
    if not 1 <= port <= 65535:
        raise argparse.ArgumentTypeError("a port is a number from 1 to 65535")
    return port


def _interrupt(signum: int, frame: FrameType | None) -> None:
    raise KeyboardInterrupt


def _require_free(port: int) -> None:
    with socket.socket() as probe:
        probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            probe.bind((HOST, port))
        except OSError as error:
            raise QuickstartError(
                f"cannot use port {port} ({error.strerror}); "
                f"choose another one: ./scripts/quickstart.sh --port {min(port + 1, 65535)}"
            ) from error


@contextmanager
def _gateway(port: int) -> Iterator[subprocess.Popen[bytes]]:
    """A gateway in a session of its own, so that Ctrl-C reaches it through us alone."""
    command = [sys.executable, "-m", "dynogate", "serve", "--host", HOST, "--port", str(port)]
    with LOG.open("wb") as log:
        process = subprocess.Popen(
            [*command, "--root", str(EXAMPLES)],
            stdin=subprocess.DEVNULL,
            stdout=log,
            stderr=log,
            start_new_session=True,
        )
    try:
        yield process
    finally:
        process.terminate()
        try:
            process.wait(STOPPED_WITHIN_SEC)
        except subprocess.TimeoutExpired:
            process.kill()
            process.wait()


def _wait_until_ready(process: subprocess.Popen[bytes], port: int) -> None:
    deadline = time.monotonic() + READY_WITHIN_SEC
    while process.poll() is None:
        try:
            if httpx2.get(f"http://{HOST}:{port}/health/ready", timeout=5.0).is_success:
                return
        except httpx2.TransportError:
            pass  # it does not listen yet
        if time.monotonic() > deadline:
            message = f"the gateway was not ready within {READY_WITHIN_SEC:g} s"
            raise QuickstartError(message, with_log=True)
        time.sleep(0.05)
    message = f"the gateway did not start (exit status {process.returncode})"
    raise QuickstartError(message, with_log=True)


def _show_examples(port: int) -> None:
    console = Console()
    console.print(f"Gateway at http://{HOST}:{port}; profiling two examples through it\n")
    table = Table(box=None, pad_edge=False)
    table.add_column("file:line", no_wrap=True)
    table.add_column("source")
    table.add_column("CPU %", justify="right", no_wrap=True)
    table.add_column("memory MB", justify="right", no_wrap=True)
    with GatewayClient(f"http://{HOST}:{port}") as client:
        for name in ("dedupe.py", "leaky_cache.py"):
            script = EXAMPLES / name
            result = client.call("profile_script", {"script_path": str(script)})
            profile = {"profile_id": result.structured_content["profile_id"], "top_n": SHOWN}
            cpu = client.call("get_cpu_hotspots", profile).structured_content["hotspots"]
            memory = client.call("get_memory_hotspots", profile).structured_content["hotspots"]
            large = [row for row in memory if row["malloc_mb"] >= WORTH_MB]
            for cells in _rows(cpu, large):
                table.add_row(*cells)
            table.add_section()
    console.print(table)


def _rows(cpu: Sequence[Row], memory: Sequence[Row]) -> Iterator[tuple[str | Text, ...]]:
    """One row a line: the hottest by CPU time, then those that only allocate."""
    cpu_percent = {_place(row): row["cpu_percent"] for row in cpu}
    malloc_mb = {_place(row): row["malloc_mb"] for row in memory}
    shown: set[Place] = set()
    for row in (*cpu, *memory):
        place = _place(row)
        if place in shown:
            continue
        shown.add(place)
        yield (
            f"{Path(row['file']).name}:{row['lineno']}",
            Text(row["source"].strip(), no_wrap=True, overflow="ellipsis"),
            _figure(cpu_percent.get(place)),
            _figure(malloc_mb.get(place)),
        )


def _place(row: Row) -> Place:
    return row["file"], row["lineno"]


def _figure(value: float | None) -> str:
    return "" if value is None else f"{value:.1f}"


def _serve(process: subprocess.Popen[bytes], port: int) -> None:
    """Wait for Ctrl-C, with something to try meanwhile.

    Raises:
        QuickstartError: the gateway ended without being asked to.
    """
    params = {"script_path": str(EXAMPLES / "nbody.py")}
    body = {"jsonrpc": "2.0", "id": 1, "method": "profile_script", "params": params}
    print("\nStill serving; Ctrl-C stops it. Try next, in another terminal:\n")
    print(f"curl -s http://{HOST}:{port}/mcp/tools/call -H 'Content-Type: application/json' \\")
    print(f"  -d {shlex.quote(json.dumps(body))}\n", flush=True)
    status = process.wait()
    raise QuickstartError(f"the gateway ended by itself (exit status {status})", with_log=True)


def _fail(message: str, *, with_log: bool) -> int:
    print(f"quickstart: {message}", file=sys.stderr)
    if with_log and LOG.exists():
        tail = LOG.read_text(errors="replace").splitlines()[-20:]
        print(f"The end of {LOG}:", *tail, sep="\n  ", file=sys.stderr)
    return 1


if __name__ == "__main__":
    sys.exit(main())
