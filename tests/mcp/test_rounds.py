"""Requests of more than one round: what a client may bring back, and what it may not."""

import base64
import json
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any, Literal

import mcp_types
import pytest
from mcp import Client
from pydantic import FileUrl

from dynogate.app import build_app
from dynogate.errors import InvalidParams
from dynogate.guards.caller import Caller
from dynogate.mcp import rounds
from dynogate.mcp.exchange import Request
from dynogate.mcp.rounds import MAX_STATE_BYTES, TTL_SEC, Rounds
from dynogate.settings import load_settings
from dynogate.tools.inputs import ROOTS, InputRequired
from dynogate.wire.mcp import MODERN
from tests.live import in_process
from tests.mcp.speaker import PREFIX, Speaker, message_of, meta

SCOPES = frozenset({"tools:read"})
ADA = Caller("key:ada", SCOPES)
ROUNDS = Rounds(b"secret" * 8)
ASK_ROOTS = InputRequired({"roots": ROOTS})


def request_of(caller: Caller = ADA, method: str = "tools/call", **params: Any) -> Request:
    told = {"name": "delete", "arguments": {"path": "a", "deep": {"x": 1, "y": 2}}, **params}
    return Request(message_of(method, told), caller, "test", MODERN)


def asked(request: Request | None = None, with_rounds: Rounds = ROUNDS) -> str:
    """The state that a client is given."""
    result = json.loads(with_rounds.ask(request or request_of(), ASK_ROOTS))
    assert result["inputRequests"] == {"roots": {"method": "roots/list", "params": {}}}
    state: str = result["requestState"]
    return state


def test_answers_of_all_rounds_come_together() -> None:
    """What was answered first comes back in the state, what was answered last beside it."""
    first = request_of(inputResponses={"name": {"action": "accept"}}, requestState=asked())
    ROUNDS.resume(first)
    second = request_of(inputResponses={"roots": {"roots": []}}, requestState=asked(first))
    ROUNDS.resume(second)
    assert second.answers == {"name": {"action": "accept"}, "roots": {"roots": []}}


def test_answers_need_no_state() -> None:
    """A client may know what it will be asked: what it answers is its own business."""
    request = request_of(inputResponses={"roots": {"roots": []}})
    ROUNDS.resume(request)
    assert request.answers == {"roots": {"roots": []}}


def test_the_same_request_may_be_written_differently() -> None:
    """Other clients than ours order the members of an object as they please."""
    arguments = {"deep": {"y": 2, "x": 1}, "path": "a"}
    ROUNDS.resume(request_of(arguments=arguments, requestState=asked()))


def test_another_process_with_the_secret_takes_the_state() -> None:
    """Such as another worker, or this one after a restart."""
    Rounds(b"secret" * 8).resume(request_of(requestState=asked()))


def forged(state: str) -> str:
    """The state with another answer in it and the old seal."""
    payload, _, seal = state.partition(".")
    told = json.loads(base64.urlsafe_b64decode(payload))
    told["answers"] = {"confirm": {"action": "accept"}}
    return base64.urlsafe_b64encode(json.dumps(told).encode()).decode() + "." + seal


@pytest.mark.parametrize(
    "change",
    [
        lambda state: state + "x",
        lambda state: state.replace(".", ""),
        lambda state: state.partition(".")[0],
        lambda state: "." + state.partition(".")[2],
        lambda state: "",
        lambda state: "é" + state,
        forged,
    ],
)
def test_a_state_that_was_changed_is_refused(change: Any) -> None:
    """Every part of it is sealed."""
    with pytest.raises(InvalidParams, match="requestState"):
        ROUNDS.resume(request_of(requestState=change(asked())))


@pytest.mark.parametrize(
    "changed",
    [
        {"caller": Caller("key:eve", SCOPES)},
        {"name": "delete_all"},
        {"arguments": {"path": "b", "deep": {"x": 1, "y": 2}}},
        {"method": "prompts/get"},
        {"uri": "test://a"},
    ],
)
def test_a_state_is_for_its_caller_and_request_only(changed: dict[str, Any]) -> None:
    """What was confirmed for one thing is not confirmed for another."""
    with pytest.raises(InvalidParams, match="requestState"):
        ROUNDS.resume(request_of(**changed, requestState=asked()))


def test_a_state_of_another_gateway_is_refused() -> None:
    """Its secret is its own."""
    state = asked(with_rounds=Rounds(b"other" * 8))
    with pytest.raises(InvalidParams, match="requestState"):
        ROUNDS.resume(request_of(requestState=state))


def test_an_old_state_is_refused(monkeypatch: pytest.MonkeyPatch) -> None:
    """Whoever answers has so long, and the error says how to begin again."""
    monkeypatch.setattr(rounds, "TTL_SEC", -1)
    state = asked()
    with pytest.raises(InvalidParams, match="older than"):
        ROUNDS.resume(request_of(requestState=state))
    assert TTL_SEC == 900


@pytest.mark.parametrize("responses", [None, 5, [], {"a": 5}, {"a": None}])
def test_answers_that_are_none_are_refused(responses: Any) -> None:
    """An answer is an object under its name."""
    with pytest.raises(InvalidParams, match="inputResponses"):
        ROUNDS.resume(request_of(inputResponses=responses))


def test_a_state_does_not_grow_without_end() -> None:
    """A client cannot have this gateway send back more and more."""
    request = request_of(inputResponses={"name": {"content": "x" * MAX_STATE_BYTES}})
    ROUNDS.resume(request)
    with pytest.raises(InvalidParams, match="too large"):
        ROUNDS.ask(request, ASK_ROOTS)


@contextmanager
def speaking(data_dir: Path, **more: Any) -> Iterator[Speaker]:
    settings = load_settings(
        data_dir=data_dir, toolsets="tests.conformance.fixtures:toolset", **more
    )
    with in_process(build_app(settings)) as live:
        speaker = Speaker(f"{live.url}/mcp")
        with speaker.client:
            yield speaker


def say(speaker: Speaker, method: str, **params: Any) -> Any:
    capabilities: dict[str, Any] = {"elicitation": {}, "sampling": {}, "roots": {}}
    told = {"_meta": meta(**{PREFIX + "clientCapabilities": capabilities}), **params}
    return speaker.post(method, told, accept="application/json").json()["result"]


def test_a_call_goes_on_after_a_restart(tmp_path: Path) -> None:
    """The second round may come to another process with the same store."""
    tool = "test_input_required_result_multi_round"
    with speaking(tmp_path) as speaker:
        first = say(speaker, "tools/call", name=tool)
    assert (first["resultType"], list(first["inputRequests"])) == ("input_required", ["step1"])
    answers = {"step1": {"action": "accept", "content": {"name": "Ada"}}}
    state = first["requestState"]
    with speaking(tmp_path) as speaker:
        second = say(speaker, "tools/call", name=tool, inputResponses=answers, requestState=state)
        assert list(second["inputRequests"]) == ["step2"]
        answers = {"step2": {"action": "accept", "content": {"color": "blue"}}}
        third = say(
            speaker,
            "tools/call",
            name=tool,
            inputResponses=answers,
            requestState=second["requestState"],
        )
    assert third["content"][0]["text"] == "Ada likes blue."


def test_prompts_ask_too(tmp_path: Path) -> None:
    """As tools do, and resources could."""
    name = "test_input_required_result_prompt"
    with speaking(tmp_path) as speaker:
        first = say(speaker, "prompts/get", name=name)
        assert first["resultType"] == "input_required"
        answers = {"user_context": {"action": "accept", "content": {"context": "tests"}}}
        second = say(
            speaker,
            "prompts/get",
            name=name,
            inputResponses=answers,
            requestState=first["requestState"],
        )
    assert second["messages"][0]["content"]["text"] == "Use the following context: tests"


def test_a_client_is_asked_only_what_it_can(tmp_path: Path) -> None:
    """Otherwise the call fails with what it would have to declare."""
    with speaking(tmp_path) as speaker:
        told = {"_meta": meta(), "name": "test_input_required_result_elicitation"}
        answer = speaker.post("tools/call", told)
    assert answer.status_code == 400
    assert answer.json()["error"]["code"] == -32021
    assert answer.json()["error"]["data"] == {"requiredCapabilities": {"elicitation": {}}}


def test_a_user_is_asked_before_code_runs_without_a_sandbox(tmp_path: Path) -> None:
    """Their answer holds for the code that they were shown, and for no other."""
    code, other = {"code": "print('shown')"}, {"code": "print('hidden')"}
    with speaking(tmp_path, sandbox="off", confirm_code=True) as speaker:
        asked = say(speaker, "tools/call", name="profile_code", arguments=code)
        assert "print('shown')" in asked["inputRequests"]["run_code"]["params"]["message"]
        no = {"inputResponses": {"run_code": {"action": "decline"}}}
        state = {"requestState": asked["requestState"]}
        refused = say(speaker, "tools/call", name="profile_code", arguments=code, **no, **state)
        assert (refused["isError"], refused["structuredContent"]["code"]) == (True, 1405)
        told = {"_meta": meta(), "name": "profile_code", "arguments": other, **state}
        assert speaker.error("tools/call", told, accept="application/json") == (400, -32602)
        told = {"_meta": meta(), "name": "profile_code", "arguments": code}
        unable = speaker.post("tools/call", told, accept="application/json").json()["result"]
    assert "DYNOGATE_ALLOW_CODE" in unable["content"][0]["text"]


async def fill_in(context: object, params: object) -> mcp_types.ElicitResult:
    return mcp_types.ElicitResult(action="accept", content={"name": "Ada", "color": "blue"})


async def go_on(context: object, params: object) -> mcp_types.CreateMessageResult:
    text = mcp_types.TextContent(type="text", text="Paris")
    return mcp_types.CreateMessageResult(role="assistant", content=text, model="test")


async def tell_roots(context: object) -> mcp_types.ListRootsResult:
    return mcp_types.ListRootsResult(roots=[mcp_types.Root(uri=FileUrl("file:///a"))])


@pytest.mark.parametrize("mode", ["auto", "legacy"])
async def test_the_official_client_is_asked_the_same_in_both_eras(
    tmp_path: Path, mode: Literal["auto", "legacy"]
) -> None:
    """By rounds or over its session: the tools do not know which, and neither does who uses it."""
    with speaking(tmp_path) as speaker:
        async with Client(
            speaker.url,
            mode=mode,
            elicitation_callback=fill_in,
            sampling_callback=go_on,
            list_roots_callback=tell_roots,
        ) as client:
            said = {
                name: (await client.call_tool(f"test_input_required_result_{name}")).content[0]
                for name in ("multi_round", "multiple_inputs", "sampling", "list_roots")
            }
    texts = {name: getattr(block, "text", "") for name, block in said.items()}
    assert texts == {
        "multi_round": "Ada likes blue.",
        "multiple_inputs": "All inputs received.",
        "sampling": "Model said: Paris",
        "list_roots": "Client exposed 1 root(s).",
    }
