"""Servers that nobody here wrote, as they are: the official SDK's and FastMCP's."""

import json
import socket
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path

import pytest

from dynogate.load.command.main import main
from tests.ports import free_port

PEERS = {
    "mcp": """
from mcp.server import MCPServer
server = MCPServer("peer")
@server.tool()
def add(a: int, b: int) -> int:
    "Add two numbers."
    return a + b
@server.tool()
def get_version() -> str:
    "Which version this is."
    return "1"
server.run("streamable-http", port={port})
""",
    "fastmcp": """
from fastmcp import FastMCP
server = FastMCP("peer")
@server.tool(annotations={{"readOnlyHint": True}})
def census() -> str:
    "How many there are."
    return "none"
server.run(transport="http", host="127.0.0.1", port={port}, show_banner=False)
""",
}
CALLED = {"mcp": "get_version", "fastmcp": "census"}


@pytest.fixture(params=list(PEERS))
def peer(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[tuple[str, str]]:
    """A peer's name and where it answers."""
    name: str = request.param
    port = free_port()
    with (tmp_path / "log").open("wb") as log:
        process = subprocess.Popen(
            [sys.executable, "-c", PEERS[name].format(port=port)], stdout=log, stderr=log
        )
    try:
        deadline = time.monotonic() + 60
        while True:
            try:
                socket.create_connection(("127.0.0.1", port), timeout=1).close()
                break
            except OSError:
                assert process.poll() is None, (tmp_path / "log").read_text()
                assert time.monotonic() < deadline
                time.sleep(0.05)
        yield name, f"http://127.0.0.1:{port}/mcp"
    finally:
        process.terminate()
        process.wait(20)


@pytest.mark.slow
def test_a_full_ramp_up_report(peer: tuple[str, str], tmp_path: Path) -> None:
    """With the tool that it lists as the cheapest, over MCP, every call a success."""
    name, url = peer
    path, page = tmp_path / "report.json", tmp_path / "report.html"
    words = ["ramp-up", "--url", url, "--start-rate", "5", "--rate", "20", "--step-duration", "1"]
    assert main([*words, "--json", str(path), "--html", str(page)]) in {0, 3}
    report = json.loads(path.read_text())
    assert report["target"]["calls"] == [CALLED[name]]
    assert report["target"]["transport"] == "mcp"
    assert set(report["outcomes"]) == {"OK"}
    assert len(report["steps"]) >= 2
    assert report["breaking_point"]["rule"]["text"]
    assert "<svg" in page.read_text()
