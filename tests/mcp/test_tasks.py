"""The tasks extension over HTTP, with the tools that the conformance suite has for it."""

import re
import time
from collections.abc import Iterator
from datetime import datetime
from pathlib import Path
from typing import Any

import httpx2
import mcp_types
import pytest

from dynogate.app import build_app, open_database
from dynogate.settings import load_settings
from dynogate.store.keys import KeyTable
from tests.live import in_process, until
from tests.mcp.speaker import PREFIX, Speaker, meta

TASKS = PREFIX + "tasks"
DECLARED: dict[str, Any] = {"elicitation": {}, "extensions": {TASKS: {}}}
LIMIT_SEC = 20.0


class TaskSpeaker(Speaker):
    """A client that declares the tasks extension."""

    declared: dict[str, Any] = DECLARED

    def ask(self, method: str, **params: Any) -> Any:
        """The response's body."""
        told = {"_meta": meta(**{PREFIX + "clientCapabilities": self.declared}), **params}
        headers = {"accept": "application/json"}
        if "taskId" in params:
            headers["mcp_name"] = params["taskId"]
        return self.post(method, told, **headers).json()

    def call(self, tool: str, **more: Any) -> Any:
        """The result of a call, which may be a task."""
        answer = self.ask("tools/call", **{"name": tool, "arguments": {}, **more})
        assert "result" in answer, answer
        return answer["result"]

    def task(self, task_id: str) -> Any:
        """The task as it is now."""
        return self.ask("tasks/get", taskId=task_id)["result"]

    def until(self, task_id: str, *states: str) -> Any:
        """The task once it is in one of these states."""
        deadline = time.monotonic() + LIMIT_SEC
        while (task := self.task(task_id))["status"] not in states:
            assert time.monotonic() < deadline, task
            time.sleep(0.02)
        return task


@pytest.fixture(scope="module")
def url(tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    settings = load_settings(
        data_dir=tmp_path_factory.mktemp("data"),
        toolsets="tests.conformance.fixtures:toolset",
        rate_limit="off",
        max_tasks=200,
    )
    with in_process(build_app(settings)) as live:
        yield f"{live.url}/mcp"


@pytest.fixture
def speaker(url: str) -> Iterator[TaskSpeaker]:
    speaker = TaskSpeaker(url)
    with speaker.client:
        yield speaker


def test_a_long_call_becomes_a_task(speaker: TaskSpeaker) -> None:
    """Flat, with integer milliseconds and instants in UTC, and without what comes later."""
    made = speaker.call("slow_compute", arguments={"seconds": 60})
    assert made["resultType"] == "task"
    assert re.fullmatch(r"task_[0-9a-z]{26}", made["taskId"])
    assert (made["status"], made["ttlMs"], made["pollIntervalMs"]) == ("working", 3_600_000, 1000)
    assert datetime.fromisoformat(made["createdAt"]).tzinfo is not None
    assert made["createdAt"].endswith("Z")
    assert made["_meta"][PREFIX + "serverInfo"]["name"] == "dynogate"
    assert not {"result", "error", "inputRequests", "requestState", "task"} & set(made)
    found = speaker.task(made["taskId"])
    assert found["resultType"] == "complete"
    assert {**found, "resultType": "task"} == made


def test_the_result_is_what_the_call_would_have_answered(speaker: TaskSpeaker) -> None:
    """So that a client can hand it on as if it had waited."""
    task_id = speaker.call("slow_compute", arguments={"seconds": 0.1})["taskId"]
    task = speaker.until(task_id, "completed", "failed", "cancelled")
    assert task["status"] == "completed"
    assert "pollIntervalMs" not in task
    assert task["result"]["structuredContent"] == {"said": "computed  in 0.1 s"}
    assert task["result"]["resultType"] == "complete"  # the reference client insists on it
    mcp_types.CallToolResult.model_validate(task["result"])


def test_a_client_that_cannot_come_back_waits(speaker: TaskSpeaker) -> None:
    """And gets the result itself, whatever extensions it has that we do not know."""
    unable: list[dict[str, Any]] = [
        {},
        {"extensions": {}},
        {"extensions": {"x": {}}},
        {"extensions": 5},
    ]
    for declared in unable:
        speaker.declared = declared
        result = speaker.call("slow_compute", arguments={"seconds": 0})
        assert result["resultType"] == "complete"
        assert "taskId" not in result


def test_a_tool_that_is_quick_is_no_task(speaker: TaskSpeaker) -> None:
    """Whatever parameters of older drafts come with the call."""
    result = speaker.call("greet", arguments={"name": "Ada"}, task={"ttl": 60_000})
    assert result["resultType"] == "complete"
    assert result["content"][0]["text"] == "Hello, Ada!"


def test_a_task_is_not_bound_by_how_long_a_client_would_wait(speaker: TaskSpeaker) -> None:
    """X-Request-Timeout is for calls that are waited for."""
    told = {"_meta": meta(**{PREFIX + "clientCapabilities": DECLARED}), "name": "slow_compute"}
    headers = {"x_request_timeout": "0.05", "accept": "application/json"}
    made = speaker.post("tools/call", {**told, "arguments": {"seconds": 0.3}}, **headers).json()
    task = speaker.until(made["result"]["taskId"], "completed", "failed")
    assert task["result"]["isError"] is False


def test_bad_arguments_are_told_at_once(speaker: TaskSpeaker) -> None:
    """A task begins once the call is known to be a good one."""
    result = speaker.call("slow_compute", arguments={"seconds": "many"})
    assert (result["resultType"], result["isError"]) == ("complete", True)


@pytest.mark.parametrize(
    ("tool", "status", "member"),
    [("failing_job", "completed", "result"), ("protocol_error_job", "failed", "error")],
)
def test_failures_of_tools_and_of_the_protocol_differ(
    speaker: TaskSpeaker, tool: str, status: str, member: str
) -> None:
    """A tool that failed has completed, with a result that says so."""
    task = speaker.until(speaker.call(tool)["taskId"], "completed", "failed")
    assert task["status"] == status
    assert {"result", "error"} & set(task) == {member}
    if member == "error":
        assert task["error"]["code"] == -32603
        assert "no tool makes" not in str(task)
    else:
        assert task["result"]["isError"] is True


def test_running_tasks_are_counted(speaker: TaskSpeaker) -> None:
    """Until they have ended."""
    task_id = speaker.call("slow_compute", arguments={"seconds": 60})["taskId"]
    url = speaker.url.replace("/mcp", "/metrics")

    def counted() -> float:
        told = re.search(r"^dynogate_mcp_tasks ([0-9.]+)$", speaker.client.get(url).text, re.M)
        assert told is not None
        return float(told[1])

    before = counted()
    speaker.ask("tasks/cancel", taskId=task_id)
    until(lambda: counted() < before, "the task to be counted out")


def test_a_cancelled_task_stops(speaker: TaskSpeaker) -> None:
    """The acknowledgement says nothing else, and may be had again after the end."""
    task_id = speaker.call("slow_compute", arguments={"seconds": 60})["taskId"]
    for _ in range(2):
        acknowledged = speaker.ask("tasks/cancel", taskId=task_id)["result"]
        assert set(acknowledged) == {"resultType", "_meta"}
        task = speaker.until(task_id, "cancelled")
    assert task["statusMessage"] == "cancelled by the client"
    assert not {"result", "error"} & set(task)


def test_a_task_asks_and_is_answered(speaker: TaskSpeaker) -> None:
    """One by one, and what was not asked is left out."""
    task_id = speaker.call("multi_input")["taskId"]
    asked = speaker.until(task_id, "input_required")["inputRequests"]
    assert {name: each["method"] for name, each in asked.items()} == {
        "name": "elicitation/create",
        "confirm": "elicitation/create",
    }
    for name, left in (("name", {"confirm"}), ("confirm", set())):
        answers = {name: {"action": "accept", "content": {}}, "unheard": {}}
        assert speaker.ask("tasks/update", taskId=task_id, inputResponses=answers)["result"]
        task = speaker.task(task_id)
        assert set(task.get("inputRequests", {})) == left
    text = speaker.until(task_id, "completed")["result"]["content"][0]["text"]
    assert text == "answered: confirm, name"


def test_rounds_come_before_the_task(speaker: TaskSpeaker) -> None:
    """What is known by asking at once is not asked in the task, and has no id yet."""
    first = speaker.call("test_tool_with_task")
    assert first["resultType"] == "input_required"
    assert "taskId" not in first
    answers = {"user_name": {"action": "accept", "content": {"name": "Ada"}}}
    second = speaker.call(
        "test_tool_with_task", inputResponses=answers, requestState=first["requestState"]
    )
    assert second["resultType"] == "task"
    assert not {"requestState", "inputRequests"} & set(second)
    task = speaker.until(second["taskId"], "completed")
    assert task["result"]["content"][0]["text"] == "Hello, Ada!"


@pytest.mark.parametrize("method", ["tasks/get", "tasks/update", "tasks/cancel"])
def test_a_task_that_is_not_there(speaker: TaskSpeaker, method: str) -> None:
    """Is an invalid parameter, to those who declared the extension."""
    more: dict[str, Any] = {"inputResponses": {}} if method == "tasks/update" else {}
    assert speaker.ask(method, taskId="task_none", **more)["error"]["code"] == -32602
    speaker.declared = {}
    refused = speaker.ask(method, taskId="task_none", **more)["error"]
    assert refused["code"] == -32021
    assert refused["data"] == {"requiredCapabilities": {"extensions": {TASKS: {}}}}


@pytest.mark.parametrize(
    "params",
    [
        {},
        {"taskId": 5},
        {"taskId": "x", "inputResponses": 5},
        {"taskId": "x", "inputResponses": {"a": 5}},
    ],
)
def test_bad_params_are_refused(speaker: TaskSpeaker, params: dict[str, Any]) -> None:
    """With the code of bad params, wherever in them the fault is."""
    told = {"_meta": meta(**{PREFIX + "clientCapabilities": DECLARED}), **params}
    headers = {"mcp_name": params["taskId"]} if isinstance(params.get("taskId"), str) else {}
    assert speaker.error("tasks/update", told, **headers) == (400, -32602)


@pytest.mark.parametrize("method", ["tasks/result", "tasks/list"])
def test_methods_of_older_drafts_are_unknown(speaker: TaskSpeaker, method: str) -> None:
    """Results are told by tasks/get, and nobody lists tasks."""
    assert speaker.ask(method, taskId="task_none")["error"]["code"] == -32601


def test_the_header_names_the_task(speaker: TaskSpeaker) -> None:
    """As intermediaries read it to find the way."""
    params = {"taskId": "task_none", "_meta": meta(**{PREFIX + "clientCapabilities": DECLARED})}
    assert speaker.error("tasks/get", params, mcp_name="task_other") == (400, -32020)
    assert speaker.error("tasks/get", params) == (400, -32020)


def test_the_extension_is_advertised(speaker: TaskSpeaker) -> None:
    """To those who can use it, and not as the older drafts had it."""
    told = speaker.result("server/discover")["capabilities"]
    assert told["extensions"] == {TASKS: {}}
    assert "tasks" not in told


def test_who_listens_is_told_of_every_state(speaker: TaskSpeaker) -> None:
    """First of the one it is in, last of the result; of tasks that are not theirs nothing."""
    task_id = speaker.call("confirm_delete", arguments={"filename": "x"})["taskId"]
    speaker.until(task_id, "input_required")
    params = {
        "_meta": meta(**{PREFIX + "clientCapabilities": DECLARED}),
        "notifications": {"taskIds": [task_id, "task_none", task_id]},
    }
    with speaker.listening("subscriptions/listen", params) as told:
        acknowledged = next(told)
        assert acknowledged["params"]["notifications"] == {"taskIds": [task_id]}
        first = next(told)
        assert first["method"] == "notifications/tasks"
        assert first["params"]["status"] == "input_required"
        assert first["params"]["_meta"] == {PREFIX + "subscriptionId": 1}
        with TaskSpeaker(speaker.url).client as other:
            asking = TaskSpeaker(speaker.url, other)
            answers = {"confirm": {"action": "accept", "content": {"confirm": True}}}
            asking.ask("tasks/update", taskId=task_id, inputResponses=answers)
        for each in told:
            if each["params"]["status"] == "completed":
                break
    assert each["params"]["result"]["structuredContent"] == {"said": "deleted x"}
    assert each["params"]["taskId"] == task_id


def test_only_those_who_declared_tasks_listen_for_them(speaker: TaskSpeaker) -> None:
    """And only for so many."""
    assert speaker.error("subscriptions/listen", {"notifications": {"taskIds": ["x"]}}) == (
        400,
        -32021,
    )
    params = {
        "_meta": meta(**{PREFIX + "clientCapabilities": DECLARED}),
        "notifications": {"taskIds": [f"task_{number}" for number in range(101)]},
    }
    assert speaker.error("subscriptions/listen", params) == (400, -32602)


def test_a_task_is_its_callers_alone(tmp_path: Path) -> None:
    """Whoever has the id and another key finds nothing, and changes nothing."""
    settings = load_settings(
        data_dir=tmp_path, toolsets="tests.conformance.fixtures:toolset", rate_limit="off"
    )
    database = open_database(settings)
    keys = KeyTable(database)
    both = ["tools:read", "tools:execute"]
    texts = {name: keys.create(name, both)[1] for name in ("ada", "eve")}
    database.close()
    with in_process(build_app(settings)) as live:

        def speaker_of(name: str) -> TaskSpeaker:
            headers = {"authorization": f"Bearer {texts[name]}"}
            return TaskSpeaker(f"{live.url}/mcp", httpx2.Client(headers=headers, timeout=30))

        ada, eve = speaker_of("ada"), speaker_of("eve")
        with ada.client, eve.client:
            task_id = ada.call("confirm_delete", arguments={"filename": "x"})["taskId"]
            ada.until(task_id, "input_required")
            answers = {"confirm": {"action": "accept", "content": {"confirm": True}}}
            assert eve.ask("tasks/get", taskId=task_id)["error"]["code"] == -32602
            assert eve.ask("tasks/cancel", taskId=task_id)["error"]["code"] == -32602
            refused = eve.ask("tasks/update", taskId=task_id, inputResponses=answers)
            assert refused["error"]["code"] == -32602
            assert ada.task(task_id)["status"] == "input_required"
