"""What the methods do for requests that stand alone (2026-07-28), over HTTP."""

import base64
from pathlib import Path

import httpx2
import pytest

from dynogate import __version__
from dynogate.app import build_app, open_database
from dynogate.settings import load_settings
from dynogate.store.keys import KeyTable
from dynogate.transports import presence
from tests.live import in_process, until
from tests.mcp.speaker import PREFIX, Speaker, events, meta
from tests.mcp.toolset import notes
from tests.toolset import cancelled


def test_discovery_tells_versions_and_capabilities(speaker: Speaker) -> None:
    """And how long the answer may be kept, and by whom."""
    found = speaker.result("server/discover")
    assert found["resultType"] == "complete"
    assert found["supportedVersions"][0] == "2026-07-28"
    assert set(found["capabilities"]) >= {"tools", "resources", "prompts", "completions", "logging"}
    assert (found["cacheScope"], found["ttlMs"] >= 0) == ("public", True)
    assert found["_meta"][PREFIX + "serverInfo"]["version"] == __version__


def test_tools_are_listed_and_called(speaker: Speaker) -> None:
    """A result is a CallToolResult, complete, and says who made it."""
    names = [tool["name"] for tool in speaker.result("tools/list")["tools"]]
    assert "echo" in names
    result = speaker.result("tools/call", {"name": "echo", "arguments": {"say": "hi"}})
    assert result.pop("_meta")[PREFIX + "serverInfo"]["name"] == "dynogate"
    assert result == {
        "resultType": "complete",
        "content": [{"type": "text", "text": "hi"}],
        "structuredContent": {"said": "hi", "times": 1, "client_id": None, "principal": "local"},
        "isError": False,
    }


@pytest.mark.parametrize(
    ("params", "status", "code"),
    [
        ({"name": "nope", "arguments": {}}, 400, -32602),
        ({"arguments": {}}, 400, -32602),
        ({"name": 5}, 400, -32602),
        ({"name": "echo", "arguments": [1]}, 400, -32602),
        ({"name": "crash"}, 500, -32603),
    ],
)
def test_what_is_no_failure_of_a_tool_is_an_error(
    speaker: Speaker, params: dict[str, object], status: int, code: int
) -> None:
    """Unknown tools and malformed calls are errors of the protocol, never results."""
    assert speaker.error("tools/call", params) == (status, code)


@pytest.mark.parametrize(("name", "code"), [("echo", -32602), ("refuse", 1504)])
def test_a_tool_that_fails_gives_a_result_that_says_so(
    speaker: Speaker, name: str, code: int
) -> None:
    """So that a model reads it; bad arguments are among them."""
    result = speaker.result("tools/call", {"name": name, "arguments": {}})
    assert (result["isError"], result["structuredContent"]["code"]) == (True, code)


def test_progress_and_log_messages_come_before_the_answer(speaker: Speaker) -> None:
    """Where the request asks for them: then the answer is a stream."""
    asked = meta(progressToken="p", **{PREFIX + "logLevel": "info"})
    answer = speaker.post(
        "tools/call", {"name": "chatter", "arguments": {"steps": 3}, "_meta": asked}
    )
    assert answer.headers["content-type"] == "text/event-stream"
    assert answer.headers["x-accel-buffering"] == "no"
    *told, last = events(answer.text)
    assert last["result"]["structuredContent"] == {"said": "3 steps"}
    progress = [each["params"] for each in told if each["method"] == "notifications/progress"]
    assert progress[0] == {"progressToken": "p", "progress": 1, "total": 3, "message": "step 1"}
    assert [each["progress"] for each in progress] == [1, 2, 3]
    logs = [each["params"] for each in told if each["method"] == "notifications/message"]
    assert logs[0] == {"level": "info", "logger": "chatter", "data": {"step": 1}}
    assert len(logs) == 3


def test_nothing_is_told_that_was_not_asked_for(speaker: Speaker) -> None:
    """The same call without token and level is answered by one JSON object."""
    answer = speaker.post("tools/call", {"name": "chatter", "arguments": {"steps": 3}})
    assert answer.headers["content-type"] == "application/json"


def test_a_slow_reader_misses_the_oldest_messages_only(speaker: Speaker) -> None:
    """What waits for a client is bounded; the answer always arrives."""
    params = {"name": "chatter", "arguments": {"steps": 1000}, "_meta": meta(progressToken=1)}
    told = events(speaker.post("tools/call", params).text)
    assert told[-1]["result"]["structuredContent"] == {"said": "1000 steps"}
    assert told[-2]["params"]["progress"] == 1000


def test_who_takes_json_only_gets_json_only(speaker: Speaker) -> None:
    """However much there would be to tell."""
    params = {"name": "chatter", "arguments": {"steps": 3}, "_meta": meta(progressToken=1)}
    answer = speaker.post("tools/call", params, accept="application/json")
    assert answer.json()["result"]["structuredContent"] == {"said": "3 steps"}


def test_who_takes_events_only_gets_events_only(speaker: Speaker) -> None:
    """Even where the answer is there at once."""
    params = {"name": "chatter", "arguments": {"steps": 0}}
    answer = speaker.post("tools/call", params, accept="text/event-stream")
    assert events(answer.text)[0]["result"]["structuredContent"] == {"said": "0 steps"}


def test_hanging_up_cancels_the_call(speaker: Speaker) -> None:
    """Closing the connection is how a client of this era cancels."""
    cancelled.clear()
    with speaker.listening("tools/call", {"name": "wait", "arguments": {"seconds": 60}}):
        pass
    until(cancelled.is_set, "the tool to be cancelled")


def test_resources_are_listed_page_by_page(speaker: Speaker) -> None:
    """First those that have a URI of their own, then what templates stand for."""
    first = speaker.result("resources/list")
    assert [each["uri"] for each in first["resources"]] == [
        "test://about",
        "test://logo",
        "test://notes/one",
        "test://notes/three",
    ]
    assert (first["cacheScope"], "ttlMs" in first) == ("private", True)
    second = speaker.result("resources/list", {"cursor": first["nextCursor"]})
    assert [each["name"] for each in second["resources"]] == ["two"]
    assert "nextCursor" not in second


@pytest.mark.parametrize("cursor", ["", "x", "7.", "0", "-1.2", "٣."])
def test_a_cursor_of_no_list_is_refused(speaker: Speaker, cursor: str) -> None:
    """With the code of bad params."""
    assert speaker.error("resources/list", {"cursor": cursor}) == (400, -32602)


def test_templates_are_listed(speaker: Speaker) -> None:
    """With their variables."""
    found = speaker.result("resources/templates/list")["resourceTemplates"]
    assert "test://notes/{name}" in [each["uriTemplate"] for each in found]


def test_resources_are_read(speaker: Speaker) -> None:
    """As text, or as base64 where they are bytes; by template, too."""
    assert speaker.result("resources/read", {"uri": "test://about"})["contents"] == [
        {"uri": "test://about", "mimeType": "text/plain", "text": "notes for tests"}
    ]
    logo = speaker.result("resources/read", {"uri": "test://logo"})["contents"][0]
    assert base64.b64decode(logo["blob"]) == b"\x89PNG"
    note = speaker.result("resources/read", {"uri": "test://notes/two"})["contents"][0]
    assert note["text"] == "second"


@pytest.mark.parametrize("uri", ["test://nothing", "test://notes/none", "test://notes/a/b"])
def test_a_resource_that_is_not_there_is_an_error(speaker: Speaker, uri: str) -> None:
    """That names it; never an empty result."""
    answer = speaker.post("resources/read", {"uri": uri})
    assert answer.status_code == 400
    assert answer.json()["error"]["code"] == -32602
    assert answer.json()["error"]["data"] == {"uri": uri}


def test_prompts_are_listed_and_filled_in(speaker: Speaker) -> None:
    """With their arguments."""
    (recite,) = [
        each for each in speaker.result("prompts/list")["prompts"] if each["name"] == "recite"
    ]
    assert recite["arguments"][0] == {"name": "name", "description": "which note", "required": True}
    got = speaker.result("prompts/get", {"name": "recite", "arguments": {"name": "one"}})
    assert got["messages"] == [
        {"role": "user", "content": {"type": "text", "text": "Read one plainly."}}
    ]


@pytest.mark.parametrize(
    ("params", "status", "code"),
    [
        ({"name": "none"}, 400, -32602),
        ({"name": "recite"}, 400, -32602),
        ({"name": "recite", "arguments": {"name": 5}}, 400, -32602),
        ({"name": "broken"}, 500, -32603),
    ],
)
def test_a_prompt_that_cannot_be_filled_in_is_an_error(
    speaker: Speaker, params: dict[str, object], status: int, code: int
) -> None:
    """And a fault of ours tells nothing of its details."""
    answer = speaker.post("prompts/get", params)
    assert (answer.status_code, answer.json()["error"]["code"]) == (status, code)
    assert "secret" not in answer.text


@pytest.mark.parametrize(
    ("ref", "argument", "values"),
    [
        ({"type": "ref/prompt", "name": "recite"}, "name", ["three", "two"]),
        ({"type": "ref/resource", "uri": "test://notes/{name}"}, "name", ["three", "two"]),
        ({"type": "ref/resource", "uri": "test://notes/{name}"}, "other", []),
    ],
)
def test_arguments_are_completed(
    speaker: Speaker, ref: dict[str, str], argument: str, values: list[str]
) -> None:
    """Of prompts and of templates; what nobody can complete has no values."""
    asked = {"ref": ref, "argument": {"name": argument, "value": "t"}}
    found = speaker.result("completion/complete", asked)["completion"]
    assert found == {"values": values, "total": len(values), "hasMore": False}


def test_at_most_a_hundred_completions_are_sent(speaker: Speaker) -> None:
    """And the other arguments reach the completer."""
    asked = {
        "ref": {"type": "ref/prompt", "name": "recite"},
        "argument": {"name": "style", "value": "s"},
        "context": {"arguments": {"name": "n"}},
    }
    found = speaker.result("completion/complete", asked)["completion"]
    assert (len(found["values"]), found["total"], found["hasMore"]) == (100, 150, True)
    assert found["values"][0] == "ns0"


@pytest.mark.parametrize(
    "ref",
    [
        {"type": "ref/prompt", "name": "none"},
        {"type": "ref/resource", "uri": "test://none/{x}"},
        {"type": "ref/other"},
    ],
)
def test_completing_what_is_not_there_is_an_error(speaker: Speaker, ref: dict[str, str]) -> None:
    """With the code of bad params."""
    asked = {"ref": ref, "argument": {"name": "name", "value": ""}}
    assert speaker.error("completion/complete", asked) == (400, -32602)


def test_a_listener_is_told_what_it_asked_to_be_told(speaker: Speaker) -> None:
    """First what is honoured, then each change, with the id of the subscription."""
    wanted = {
        "toolsListChanged": True,
        "resourceSubscriptions": ["test://about", "test://nothing"],
    }
    about = {"_meta": {PREFIX + "subscriptionId": 1}}
    with speaker.listening("subscriptions/listen", {"notifications": wanted}) as told:
        acknowledged = next(told)
        assert acknowledged["method"] == "notifications/subscriptions/acknowledged"
        assert acknowledged["params"] == {
            **about,
            "notifications": {"toolsListChanged": True, "resourceSubscriptions": ["test://about"]},
        }
        for uri in ("test://logo", "test://about", ""):
            speaker.result("tools/call", {"name": "change", "arguments": {"uri": uri}})
        assert next(told) == {
            "jsonrpc": "2.0",
            "method": "notifications/resources/updated",
            "params": {**about, "uri": "test://about"},
        }
        assert next(told)["method"] == "notifications/tools/list_changed"


def test_a_listener_is_told_of_a_list_that_another_process_changed(speaker: Speaker) -> None:
    """Lists that have a marker are looked at while somebody listens."""
    with speaker.listening(
        "subscriptions/listen", {"notifications": {"resourcesListChanged": True}}
    ) as told:
        assert next(told)["params"]["notifications"] == {"resourcesListChanged": True}
        try:
            notes["four"] = "fourth"
            assert next(told)["method"] == "notifications/resources/list_changed"
        finally:
            del notes["four"]


def test_listening_needs_a_stream(speaker: Speaker) -> None:
    """A client that takes JSON only cannot be told anything."""
    status, code = speaker.error(
        "subscriptions/listen", {"notifications": {}}, accept="application/json"
    )
    assert (status, code) == (406, 1406)


def test_a_listener_names_a_bounded_number_of_resources(speaker: Speaker) -> None:
    """Else one request could have us remember anything."""
    wanted = {"resourceSubscriptions": ["test://about"] * 257}
    assert speaker.error("subscriptions/listen", {"notifications": wanted}) == (400, -32602)


def test_a_stream_ends_with_the_key_that_opened_it(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """However long ago its request came: that it is late for serving is no reason to go on."""
    monkeypatch.setattr(presence, "LOOK_SEC", 0.5)
    settings = load_settings(data_dir=tmp_path, shed_lag_sec=0.1)
    keys = KeyTable(open_database(settings))
    key, secret = keys.create("someone", ["tools:read"])
    with (
        in_process(build_app(settings)) as live,
        httpx2.Client(timeout=30, headers={"x-api-key": secret}) as client,
    ):
        speaker = Speaker(f"{live.url}/mcp", client)
        wanted = {"notifications": {"toolsListChanged": True}}
        with speaker.listening("subscriptions/listen", wanted) as told:
            next(told)
            keys.revoke(key.id)
            assert list(told) == []
