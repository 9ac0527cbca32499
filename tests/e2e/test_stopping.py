import contextlib
import signal
import time
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import httpx2
import pytest

from tests.e2e.stopping import run
from tests.live import as_process, until
from tests.mcp.speaker import SessionSpeaker, Speaker, message, next_message


@pytest.mark.parametrize("workers", [1, 2])
def test_no_call_is_lost_when_the_gateway_stops_under_load(tmp_path: Path, workers: int) -> None:
    """What was in flight is answered; what was not executed may be sent again; it ends cleanly."""
    account = run(tmp_path, workers)
    assert account.lost == set()
    assert {n: account.fate.get(n) for n in account.in_doubt} == {}
    assert {account.fate[number] for number in account.in_flight} == {"answered"}
    assert "refused" in account.fate.values()
    assert 503 in account.ready
    assert account.exit_code == 0
    assert account.seconds < 12


def test_streams_end_with_their_last_word(tmp_path: Path) -> None:
    """A call's stream with its result, a subscription's with its end; none is cut off."""
    env = {"DYNOGATE_TOOLSETS": "tests.toolset:toolset"}
    call = message("tools/call", {"name": "wait", "arguments": {"seconds": 1.5}})
    with as_process(tmp_path, env=env) as live:
        session, alone = SessionSpeaker(f"{live.url}/mcp"), Speaker(f"{live.url}/mcp")
        session.initialize()
        with (
            contextlib.closing(session.client),
            contextlib.closing(alone.client),
            session.stream() as (_, general),
            alone.listening("subscriptions/listen", {"notifications": {}}) as subscription,
            session.stream(call) as (_, calling),
        ):
            assert next(subscription)["method"] == "notifications/subscriptions/acknowledged"
            until(lambda: live.get("/status").json()["jobs"]["running"] == 1, "the job to run")
            assert live.process is not None
            live.process.send_signal(signal.SIGTERM)
            began = time.monotonic()
            assert list(subscription)[-1]["result"]["resultType"] == "complete"
            list(general)  # would raise where the connection just broke
            assert next_message(calling)["result"]["structuredContent"]["said"] == "waited"
            list(calling)
        assert live.process.wait(20) == 0
        assert time.monotonic() - began < 8


def test_what_takes_longer_than_the_grace_is_cancelled_and_told(tmp_path: Path) -> None:
    """Its client gets an answer, not a broken connection."""
    env = {"DYNOGATE_TOOLSETS": "tests.toolset:toolset", "DYNOGATE_SHUTDOWN_GRACE_SEC": "0.5"}
    with as_process(tmp_path, env=env) as live, ThreadPoolExecutor(1) as thread:
        answer = thread.submit(live.call, "wait", seconds=60)
        until(lambda: live.get("/status").json()["jobs"]["running"] == 1, "the job to run")
        assert live.process is not None
        live.process.send_signal(signal.SIGTERM)
        assert answer.result(20)["id"] == 1  # what the tool has to say of it
        assert live.process.wait(20) == 0


def test_an_interrupt_does_not_wait_for_the_grace(tmp_path: Path) -> None:
    """Whoever presses Ctrl-C twice wants it to end."""
    env = {"DYNOGATE_TOOLSETS": "tests.toolset:toolset", "DYNOGATE_SHUTDOWN_GRACE_SEC": "60"}
    with as_process(tmp_path, env=env) as live, ThreadPoolExecutor(1) as thread:
        answer = thread.submit(live.call, "wait", seconds=60)
        until(lambda: live.get("/status").json()["jobs"]["running"] == 1, "the job to run")
        assert live.process is not None
        began = time.monotonic()
        for _ in range(3):
            live.process.send_signal(signal.SIGINT)
            time.sleep(0.3)  # signals that come at once are one
        live.process.wait(40)
        assert time.monotonic() - began < 30
        with contextlib.suppress(httpx2.TransportError):
            assert answer.result(20)["error"]["code"] == 1499
