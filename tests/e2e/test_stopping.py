import signal
import time
from contextlib import closing
from pathlib import Path

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
            closing(session.client),
            closing(alone.client),
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
