"""The benchmark of one call: what it sends, how it counts and judges."""

from collections.abc import Iterator
from datetime import UTC, datetime
from pathlib import Path

import pytest

from benchmarks._report import Bar, Report
from benchmarks.gateway import memory, messages
from benchmarks.gateway.apps import raw
from benchmarks.gateway.load import CONNECTIONS, Sample, measure
from benchmarks.gateway.messages import Call
from benchmarks.gateway.page import page
from benchmarks.gateway.run import bar, ratio
from benchmarks.gateway.servers import Running, Server
from benchmarks.gateway.subjects import DYNOGATE, LIMITS, SUBJECTS, Limit


@pytest.fixture(scope="module")
def dynogate(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Running]:
    """A gateway with the benchmark's tools."""
    server = Running(DYNOGATE, tmp_path_factory.mktemp("bench") / "dynogate", core=None)
    yield server
    server.stop()


@pytest.mark.parametrize(
    "protocol",
    [messages.RPC, messages.MCP_MODERN, messages.MCP_2025, messages.WEBSOCKET],
    ids=["rpc", "modern", "2025", "websocket"],
)
def test_a_call_is_measured(dynogate: Running, protocol: messages.Protocol) -> None:
    """CPU time and rate of a real gateway are positive, and one core can do no more than it has."""
    calls = messages.tried(dynogate.url, protocol, dynogate.credentials, CONNECTIONS)
    sample = measure(dynogate.url, calls, dynogate.pid, seconds=0.2)
    assert sample.cpu_us > 0
    assert sample.rate > 0
    assert sample.busy_percent < 150


def test_the_limit_answers_what_the_gateway_answers(dynogate: Running) -> None:
    """The raw ASGI app sends the same bytes, so that the limit is one of the same size."""
    content, _ = messages.post(
        dynogate.url,
        messages.RPC.path,
        {**messages.RPC.headers, **dynogate.credentials},
        messages.RPC.body,
    )
    assert content == raw.BODY


def test_a_failing_call_ends_the_measurement(dynogate: Running) -> None:
    """An error answer is never counted as a call."""
    calls = [Call(b"POST /nowhere HTTP/1.1\r\nHost: localhost\r\nContent-Length: 0\r\n\r\n")]
    with pytest.raises(RuntimeError, match="404"):
        measure(dynogate.url, calls, dynogate.pid, seconds=0.2)


def test_what_is_not_served_is_told_apart(dynogate: Running) -> None:
    """Only a 404 lets a subject be left out."""
    nowhere = messages.Protocol("/nowhere", {}, b"{}")
    with pytest.raises(messages.NotServed):
        messages.tried(dynogate.url, nowhere, dynogate.credentials, 1)
    broken = messages.Protocol("/mcp/tools/call", {"Content-Type": "application/json"}, b"{}")
    with pytest.raises(RuntimeError, match="400"):
        messages.tried(dynogate.url, broken, dynogate.credentials, 1)


def test_a_server_that_ends_tells_its_log(tmp_path: Path) -> None:
    """A server that cannot start is an error, with what it said."""
    with pytest.raises(RuntimeError, match="usage"):
        Running(Server(("-m", "json.tool", "--nonsense")), tmp_path / "s", core=None)


def test_ratios_are_paired_and_judged_in_pairs() -> None:
    """A machine that slows down between rounds changes no ratio."""
    samples = {
        "ours": [Sample(2 * cost, 1) for cost in (10, 100, 30, 20, 50, 40)],
        "theirs": [Sample(cost, 1) for cost in (10, 100, 30, 20, 50, 40)],
    }
    found = ratio(samples, "ours", "theirs")
    assert found is not None
    assert (found.low, found.ratio, found.high) == pytest.approx((2, 2, 2))
    assert bar(Limit("ours", "theirs", 2.01), samples).passed
    assert not bar(Limit("ours", "theirs", 1.9), samples).passed


def test_what_was_not_measured_does_not_pass() -> None:
    """A missing subject's bar is unknown, and fails."""
    judged = bar(Limit("ours", "theirs", 2.0), {"theirs": [Sample(1, 1)]})
    assert judged.measured is None
    assert not judged.passed


@pytest.mark.slow
def test_idle_clients_are_held_and_let_go() -> None:
    """WebSockets and sessions, each of which makes a call at the beginning and at the end."""
    report = memory.report(clients=3)
    assert [row[0] for row in report.rows] == ["3 WebSockets", "3 sessions"]
    assert all(bar.measured is not None for bar in report.bars)


def test_the_page_shows_what_was_measured() -> None:
    """Every row and every bar, and when it was."""
    bars = [Bar.at_most("rpc: CPU", 2.0, 2.5), Bar.at_most("modern: CPU", None, 2.5)]
    text = page(Report("One call", ("subject", "CPU"), [("rpc", "40.0")], bars, "2 cores"))
    assert "| `rpc` | 40.0 |" in text
    assert "| rpc: CPU | 2 | at most 2.5 |" in text
    assert "| modern: CPU | unknown | at most 2.5 |" in text
    assert f"{datetime.now(UTC):%Y-%m}" in text


def test_limits_name_subjects() -> None:
    """Every limit is about subjects that are measured."""
    names = {subject.name for subject in SUBJECTS}
    assert all({limit.subject, limit.against} <= names for limit in LIMITS)
