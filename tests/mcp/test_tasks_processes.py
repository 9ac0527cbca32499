"""Tasks where the process that runs them is another, or is no more."""

import signal
import sqlite3
from contextlib import closing
from pathlib import Path
from typing import Any

import httpx2

from tests.live import Live, as_process, until
from tests.mcp.test_tasks import TaskSpeaker

ENV = {"DYNOGATE_TOOLSETS": "tests.conformance.fixtures:toolset", "DYNOGATE_RATE_LIMIT": "off"}


def speaker_of(live: Live) -> TaskSpeaker:
    """A client that opens a connection for each request, so that any worker may take it."""
    limits = httpx2.Limits(max_keepalive_connections=0)
    return TaskSpeaker(f"{live.url}/mcp", httpx2.Client(timeout=30, limits=limits))


def test_a_kill_loses_no_task(tmp_path: Path) -> None:
    """The next process knows all of them: what ended has its result, what ran has a reason."""
    with as_process(tmp_path, env=ENV) as live:
        speaker = speaker_of(live)
        ended = speaker.call("slow_compute", arguments={"seconds": 0})["taskId"]
        running = speaker.call("slow_compute", arguments={"seconds": 60})["taskId"]
        asking = speaker.call("multi_input")["taskId"]
        speaker.until(ended, "completed")
        speaker.until(asking, "input_required")
        assert live.process is not None
        live.process.kill()
        live.process.wait(20)
    with as_process(tmp_path, env=ENV) as live:
        speaker = speaker_of(live)
        assert speaker.task(ended)["result"]["structuredContent"]["said"] == "computed  in 0 s"
        for task_id in (running, asking):
            task = speaker.task(task_id)
            assert task["status"] == "failed"
            assert "the process that ran it ended" in task["statusMessage"]
            assert task["error"] == {"code": -32603, "message": task["statusMessage"]}
            assert "inputRequests" not in task


def test_a_shutdown_gives_its_tasks_a_reason(tmp_path: Path) -> None:
    """And does not wait for what could wait for ever."""
    with as_process(tmp_path, env=ENV) as live:
        speaker = speaker_of(live)
        task_ids = [
            speaker.call("slow_compute", arguments={"seconds": 60})["taskId"],
            speaker.call("multi_input")["taskId"],
        ]
        assert live.process is not None
        live.process.send_signal(signal.SIGTERM)
        live.process.wait(30)
    with as_process(tmp_path, env=ENV) as live:
        speaker = speaker_of(live)
        for task_id in task_ids:
            task = speaker.task(task_id)
            assert task["status"] == "failed"
            assert "the gateway was shut down" in task["statusMessage"]


def in_both_workers(speaker: TaskSpeaker, data_dir: Path) -> list[str]:
    """Ids of long tasks of which each of two workers runs at least one."""
    task_ids = []
    with closing(sqlite3.connect(data_dir / "dynogate.db")) as store:
        for _ in range(64):
            task_ids.append(speaker.call("slow_compute", arguments={"seconds": 60})["taskId"])
            (count,) = store.execute("SELECT count(DISTINCT owner) FROM tasks").fetchone()
            if count == 2:
                return task_ids
    raise AssertionError("all connections went to one worker")


def test_any_worker_tells_cancels_and_answers(tmp_path: Path) -> None:
    """A client may come back to another process than the one that runs its task."""
    with as_process(tmp_path, "--workers", "2", env=ENV) as live:
        speaker = speaker_of(live)
        until(lambda: live.get("/status").json()["workers"] == 2, "both workers")
        task_ids = in_both_workers(speaker, tmp_path)
        for task_id in task_ids:
            assert {speaker.task(task_id)["status"] for _ in range(4)} == {"working"}
        for task_id in task_ids:
            speaker.ask("tasks/cancel", taskId=task_id)
        for task_id in task_ids:
            assert speaker.until(task_id, "cancelled")["statusMessage"] == "cancelled by the client"
        for _ in range(4):
            _answered(speaker)


def _answered(speaker: TaskSpeaker) -> None:
    task_id = speaker.call("confirm_delete", arguments={"filename": "x"})["taskId"]
    speaker.until(task_id, "input_required")
    answers: dict[str, Any] = {"confirm": {"action": "accept", "content": {"confirm": True}}}
    speaker.ask("tasks/update", taskId=task_id, inputResponses=answers)
    task = speaker.until(task_id, "completed")
    assert task["result"]["structuredContent"] == {"said": "deleted x"}
