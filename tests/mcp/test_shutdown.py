import signal
import time
from pathlib import Path

import pytest

from tests.live import as_process
from tests.mcp.speaker import SessionSpeaker, Speaker, next_id

pytestmark = pytest.mark.slow


def test_streams_end_when_the_process_does(tmp_path: Path) -> None:
    """At once and cleanly: a listener gets its result, a session's general stream its end."""
    with as_process(tmp_path) as live:
        speaker, session = Speaker(f"{live.url}/mcp"), SessionSpeaker(f"{live.url}/mcp")
        with speaker.client, session.client:
            session.initialize()
            wanted = {"notifications": {"toolsListChanged": True}}
            with (
                speaker.listening("subscriptions/listen", wanted) as told,
                session.stream() as (_, lines),
            ):
                next(told)
                next_id(lines)
                began = time.monotonic()
                assert live.process is not None
                live.process.send_signal(signal.SIGTERM)
                assert next(told)["result"]["resultType"] == "complete"
                assert not [line for line in lines if line.startswith("data: {")]
                assert live.process.wait(30) == 0
            assert time.monotonic() - began < 8
