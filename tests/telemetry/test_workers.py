"""Several server processes behind one port tell of themselves as one gateway."""

import os
import re
import signal
from collections.abc import Iterator
from pathlib import Path

import httpx2
import psutil
import pytest

from tests.live import Live, as_process, until
from tests.mcp.speaker import SessionSpeaker

CALLS = re.compile(r'^dynogate_tool_calls_total\{.*tool="echo".*\} (\S+)$', re.MULTILINE)
WORKERS = re.compile(r"^dynogate_worker_resident_bytes\{", re.MULTILINE)


@pytest.fixture(scope="module")
def live(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Live]:
    """A gateway of two processes."""
    env = {"DYNOGATE_TOOLSETS": "tests.toolset:toolset"}
    data = tmp_path_factory.mktemp("data")
    with as_process(data, "--workers", "2", env=env) as live:
        until(lambda: len(processes(live)) == 2, "both processes")
        yield live


def processes(live: Live) -> list[str]:
    return WORKERS.findall(live.get("/metrics").text)


def calls(live: Live) -> float:
    return sum(map(float, CALLS.findall(live.get("/metrics").text)))


def served(live: Live, count: int) -> set[str]:
    """Call ``echo`` so often, each time over a connection of its own; nothing may fail."""
    return {str(live.result("echo", say="x")["said"]) for _ in range(count)}


def test_each_process_tells_the_sum(live: Live) -> None:
    """Ten scrapes, whichever answers them: always every call, and never fewer than before."""
    before = calls(live)
    served(live, 20)
    assert {calls(live) for _ in range(10)} == {before + 20}


def test_status_is_of_the_whole_gateway(live: Live) -> None:
    """Requests and processes are counted over both; a probe counts once it is answered."""
    before = live.get("/status").json()["total_requests"]
    served(live, 10)
    statuses = [live.get("/status").json() for _ in range(10)]
    first = before + 11
    assert [status["total_requests"] for status in statuses] == list(range(first, first + 10))
    assert {status["workers"] for status in statuses} == {2}


def test_a_killed_process_takes_no_count_with_it(live: Live) -> None:
    """The one that comes in its place goes on from there."""
    served(live, 10)
    before = calls(live)
    pid = worker(live)
    os.kill(pid, signal.SIGKILL)
    until(lambda: not psutil.pid_exists(pid) or psutil.Process(pid).status() == "zombie", "death")
    assert calls(live) == before
    until(lambda: len(processes(live)) == 2, "another process", seconds=45)
    served(live, 10)
    assert {calls(live) for _ in range(10)} == {before + 10}


def worker(live: Live) -> int:
    """The pid of one of the server processes."""
    assert live.process is not None
    parent = live.process.pid
    children = Path(f"/proc/{parent}/task/{parent}/children").read_text().split()
    for child in map(int, children):
        if b"spawn_main" in Path(f"/proc/{child}/cmdline").read_bytes():
            return child
    raise AssertionError(f"{parent} has no server processes")


@pytest.mark.parametrize("storage", ["memory", "redis"])
def test_a_rate_limit_is_one_for_all_processes(
    tmp_path: Path, request: pytest.FixtureRequest, storage: str
) -> None:
    """Whichever process a call comes to: so many pass and no more, and metrics count both."""
    env = {
        "DYNOGATE_TOOLSETS": "tests.toolset:toolset",
        "DYNOGATE_RATE_LIMIT": "10/hour",
    }
    if storage == "redis":
        env["DYNOGATE_RATE_LIMIT_STORAGE"] = request.getfixturevalue("redis_server").url
    body = {"jsonrpc": "2.0", "id": 1, "method": "echo", "params": {"say": "x"}}
    with as_process(tmp_path, "--workers", "2", env=env) as live:
        until(lambda: len(processes(live)) == 2, "both processes")
        statuses = [live.post(body).status_code for _ in range(30)]
        text = live.get("/metrics").text
    assert (statuses.count(200), statuses.count(429)) == (10, 20)
    assert 'dynogate_refused_total{error="RateLimited"} 20.0' in text
    assert 'dynogate_http_requests_total{status="429",transport="rpc"} 20.0' in text


def test_sessions_are_counted_and_found_over_all_processes(live: Live) -> None:
    """A client may come to either; what a process says of itself reaches the other in a second."""
    speakers = [session_of(live) for _ in range(6)]
    for speaker in speakers * 3:
        assert speaker.result("tools/call", {"name": "echo", "arguments": {"say": "x"}})
    until(lambda: sessions(live) == {6}, "six sessions, whoever is asked")
    for speaker in speakers:
        assert speaker.client.delete(speaker.url, headers=speaker.headers()).status_code == 204
    until(lambda: sessions(live) == {0}, "no session, whoever is asked")


def session_of(live: Live) -> SessionSpeaker:
    """A session whose every request comes over a connection of its own."""
    limits = httpx2.Limits(max_keepalive_connections=0)
    speaker = SessionSpeaker(f"{live.url}/mcp", client=httpx2.Client(limits=limits))
    speaker.initialize()
    return speaker


def sessions(live: Live) -> set[int]:
    """How many there are, as told by each of some requests for the status."""
    return {live.get("/status").json()["sessions"] for _ in range(6)}
