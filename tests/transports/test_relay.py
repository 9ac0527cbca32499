"""Several processes behind one port: a session works whichever of them gets its requests.

The two gateways here share a directory, a store and a process, so that it is known who gets what.
"""

import asyncio
import socket
import threading
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import pytest

from dynogate.app import build_app
from dynogate.errors import ConfigurationError
from dynogate.settings import load_settings
from dynogate.transports.relay import Relay
from tests.live import Live, as_process, in_process, until
from tests.mcp.speaker import SessionSpeaker, message, next_id, next_message
from tests.toolset import cancelled


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tmp_path_factory.mktemp("relay")


@pytest.fixture(scope="module")
def two(folder: Path) -> Iterator[tuple[Live, Live]]:
    settings = load_settings(
        data_dir=folder, run_dir=folder, toolsets="tests.toolset:toolset,tests.mcp.toolset:toolset"
    )
    with in_process(build_app(settings)) as one, in_process(build_app(settings)) as other:
        yield one, other


@pytest.fixture
def away(two: tuple[Live, Live]) -> Iterator[SessionSpeaker]:
    """A session of one gateway, used through the other."""
    one, other = two
    speaker = SessionSpeaker(f"{one.url}/mcp", capabilities={"roots": {}})
    with speaker.client:
        speaker.initialize()
        yield replace(speaker, url=f"{other.url}/mcp")


def call(name: str, request_id: object = 1, **arguments: object) -> dict[str, object]:
    return message("tools/call", {"name": name, "arguments": arguments}, request_id)


def test_a_call_is_handed_on(away: SessionSpeaker) -> None:
    """And the answer brought back, errors among them."""
    assert away.result("tools/call", {"name": "echo", "arguments": {"say": "hi"}})
    error = away.post("tools/call", {"name": "none"}).json()
    assert (error["id"], error["error"]["code"]) == (1, -32602)
    assert away.post("ping", {"_meta": 5}).status_code == 400


def test_an_answer_finds_the_tool_that_asked(two: tuple[Live, Live], away: SessionSpeaker) -> None:
    """Whichever process each of the two POSTs came to."""
    near = replace(away, url=f"{two[0].url}/mcp")
    with near.stream(call("roots")) as (_, lines):
        question = next_message(lines)
        answer = {"jsonrpc": "2.0", "id": question["id"], "result": {"roots": []}}
        assert away.send(answer).status_code == 202
        assert not next_message(lines)["result"]["isError"]


def test_a_stream_is_handed_on_as_it_comes(away: SessionSpeaker) -> None:
    """And is resumed through another process."""
    with away.stream(call("wait", seconds=1.0)) as (_, lines):
        seen = next_id(lines)
    with away.stream(last_event_id=seen) as (_, lines):
        assert next_message(lines)["result"]["structuredContent"]["said"] == "waited"


def test_hanging_up_is_handed_on_and_cancels_nothing(
    two: tuple[Live, Live], away: SessionSpeaker
) -> None:
    """The general stream has no reader then; its session goes on."""
    with away.stream() as (_, lines):
        next_id(lines)
    assert away.result("ping") == {}
    cancelled.clear()
    with away.stream(call("wait", "slow", seconds=60)) as (_, lines):
        next_id(lines)
        away.send(message("notifications/cancelled", {"requestId": "slow"}, None))
        assert not [line for line in lines if line.startswith("data: {")]
    until(cancelled.is_set, "the tool to be cancelled")


def test_ending_a_session_is_handed_on(away: SessionSpeaker) -> None:
    """Then it is gone everywhere."""
    assert away.client.delete(away.url, headers=away.headers()).status_code == 204
    assert away.post("ping").status_code == 404


@pytest.mark.parametrize("worker", ["00000000", "../etc", "ffffffff"])
def test_a_session_of_no_process_is_unknown(away: SessionSpeaker, worker: str) -> None:
    """One that has ended, or never was."""
    away.session = f"{worker}-guessed"
    assert away.post("ping").status_code == 404


@pytest.mark.parametrize("said", [b"", b"\x00\x00\x00\x05short"[:6]])
def test_a_process_that_ends_before_it_answers_has_no_session(
    away: SessionSpeaker, folder: Path, said: bytes
) -> None:
    """Its client begins a new one."""
    with socket.socket(socket.AF_UNIX) as dying:
        dying.bind(str(folder / "deadbeef"))
        dying.listen()
        away.session = "deadbeef-x"

        def answer() -> None:
            connection, _ = dying.accept()
            connection.sendall(said)
            connection.close()

        thread = threading.Thread(target=answer)
        thread.start()
        try:
            assert away.post("ping").status_code == 404
        finally:
            thread.join()
            (folder / "deadbeef").unlink()


def test_a_path_that_no_socket_can_have_is_refused() -> None:
    """At start-up, with the setting's name."""
    with pytest.raises(ConfigurationError, match="DYNOGATE_RUN_DIR"):
        Relay(Path("/" + "x" * 100), "deadbeef")


async def test_a_socket_that_cannot_be_made_is_no_end(tmp_path: Path) -> None:
    """This process serves on; only the others cannot reach its sessions."""

    async def serve(*_: object) -> None:
        raise AssertionError("nobody can call")

    await asyncio.wait_for(Relay(tmp_path / "missing", "deadbeef").run(serve), 5)


@pytest.mark.slow
def test_sessions_work_with_two_server_processes(tmp_path: Path) -> None:
    """On new connections each time, so that both processes get requests."""
    with as_process(tmp_path, "--workers", "2") as live:
        speaker = SessionSpeaker(f"{live.url}/mcp")
        with speaker.client:
            speaker.initialize()
        for _ in range(20):
            fresh = SessionSpeaker(speaker.url, session=speaker.session)
            with fresh.client:
                assert fresh.result("ping") == {}
