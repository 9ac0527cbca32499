"""Stored profiles as MCP clients see them: resources, prompts and completion, over HTTP."""

import json
import threading
from collections.abc import Iterator
from pathlib import Path

import pytest

from dynogate.app import build_app, open_database
from dynogate.profiling.storage import ProfileStorage
from dynogate.settings import load_settings
from tests.live import in_process
from tests.mcp.speaker import Speaker
from tests.profiles import sample_profile


@pytest.fixture
def storage(tmp_path: Path) -> Iterator[ProfileStorage]:
    """The gateway's store, as another process opens it."""
    database = open_database(load_settings(data_dir=tmp_path))
    yield ProfileStorage(database=database)
    database.close()


@pytest.fixture
def speaker(tmp_path: Path) -> Iterator[Speaker]:
    (tmp_path / "app.py").write_text("pass\n")
    with in_process(build_app(load_settings(data_dir=tmp_path, roots=str(tmp_path)))) as live:
        speaker = Speaker(f"{live.url}/mcp")
        with speaker.client:
            yield speaker


def test_a_profile_is_found_and_read(speaker: Speaker, storage: ProfileStorage) -> None:
    """From the list to its contents, and an id that is not there is none."""
    profile_id = storage.store(sample_profile())
    [listed] = speaker.result("resources/list")["resources"]
    assert listed["uri"] == f"profile://{profile_id}"
    [contents] = speaker.result("resources/read", {"uri": listed["uri"]})["contents"]
    assert contents["mimeType"] == "application/json"
    assert json.loads(contents["text"])["profile"]["profile_id"] == profile_id
    assert speaker.error("resources/read", {"uri": "profile://prof_none"}) == (400, -32602)
    assert speaker.error("resources/read", {"uri": "profile://a%00b"}) == (400, -32602)


def test_the_template_is_advertised(speaker: Speaker) -> None:
    """For clients that know an id."""
    templates = speaker.result("resources/templates/list")["resourceTemplates"]
    assert {each["uriTemplate"] for each in templates} == {"profile://{id}", "load-report://{id}"}


def test_who_listens_hears_of_profiles_that_others_store(
    speaker: Speaker, storage: ProfileStorage
) -> None:
    """The store is what all processes have in common."""
    heard = threading.Event()

    def keep_storing() -> None:
        while not heard.wait(0.2):  # the first look may come after the first of these
            storage.store(sample_profile())

    params = {"notifications": {"resourcesListChanged": True}}
    with speaker.listening("subscriptions/listen", params) as told:
        assert next(told)["method"] == "notifications/subscriptions/acknowledged"
        storing = threading.Thread(target=keep_storing)
        storing.start()
        try:
            assert next(told)["method"] == "notifications/resources/list_changed"
        finally:
            heard.set()
            storing.join()


def test_what_is_typed_is_completed(speaker: Speaker, storage: ProfileStorage) -> None:
    """Ids for the template and the prompts, and scripts within the roots."""
    ids = [storage.store(sample_profile()) for _ in range(2)][::-1]
    for ref, argument, value, values in (
        ({"type": "ref/resource", "uri": "profile://{id}"}, "id", "prof_", ids),
        ({"type": "ref/prompt", "name": "explain_regression"}, "after_id", ids[0], ids[:1]),
        ({"type": "ref/prompt", "name": "find_bottleneck"}, "script_path", "a", ["app.py"]),
        ({"type": "ref/prompt", "name": "cut_suite_time"}, "tests_path", "../", []),
    ):
        params = {"ref": ref, "argument": {"name": argument, "value": value}}
        found = speaker.result("completion/complete", params)["completion"]
        assert (found["values"], found["hasMore"]) == (values, False)


def test_an_investigation_begins_with_a_prompt(speaker: Speaker) -> None:
    """Filled in with what it was given."""
    params = {"name": "find_bottleneck", "arguments": {"script_path": "app.py"}}
    [message] = speaker.result("prompts/get", params)["messages"]
    assert message["role"] == "user"
    assert "script_path='app.py'" in message["content"]["text"]
    del params["arguments"]
    assert speaker.error("prompts/get", params) == (400, -32602)
