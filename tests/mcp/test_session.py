"""What a session remembers and waits for, with bounds."""

import asyncio
import json
from typing import Any

import pytest

from dynogate.errors import Busy, InvalidRequest, ToolError
from dynogate.mcp.running import Running
from dynogate.mcp.session import Session
from dynogate.tools.inputs import ROOTS
from dynogate.wire.jsonrpc import Raw
from dynogate.wire.mcp import Reply


async def test_a_question_without_an_answer_is_given_up() -> None:
    """In the time that the client has; a late answer does no harm."""
    session, asked = Session(), list[bytes]()
    with pytest.raises(ToolError, match="did not answer"):
        await session.ask(asked.append, ROOTS, timeout_sec=0.01)
    session.answered(Reply(json.loads(asked[0])["id"], b"{}", None))


async def test_an_answer_is_taken_once() -> None:
    """A second one to the same question is ignored."""
    session, asked = Session(), list[bytes]()
    waiting = asyncio.ensure_future(session.ask(asked.append, ROOTS, timeout_sec=10))
    await asyncio.sleep(0)
    name = json.loads(asked[0])["id"]
    session.answered(Reply(name, b'{"roots": []}', None))
    session.answered(Reply(name, b'{"roots": [1]}', None))
    assert await waiting == {"roots": []}


async def test_an_answer_that_cannot_be_read_fails_the_tool() -> None:
    """It is JSON, but nested without end."""
    session, asked = Session(), list[bytes]()
    waiting = asyncio.ensure_future(session.ask(asked.append, ROOTS, timeout_sec=10))
    await asyncio.sleep(0)
    nested = b'{"a":' * 5000 + b"1" + b"}" * 5000
    session.answered(Reply(json.loads(asked[0])["id"], nested, None))
    with pytest.raises(ToolError, match="cannot be read"):
        await waiting


async def test_questions_that_wait_are_bounded() -> None:
    """A tool that asks and asks is told to wait."""
    session = Session()
    waiting = [
        asyncio.ensure_future(session.ask(lambda _: None, ROOTS, timeout_sec=10)) for _ in range(16)
    ]
    await asyncio.sleep(0)
    with pytest.raises(Busy):
        await session.ask(lambda _: None, ROOTS, timeout_sec=10)
    for each in waiting:
        each.cancel()
    await asyncio.gather(*waiting, return_exceptions=True)


def test_watched_resources_are_bounded() -> None:
    """One more than can be, and the client is told so; the same one again is no more."""
    session = Session()
    for number in range(256):
        session.watch(f"test://{number}")
    session.watch("test://0")
    with pytest.raises(Busy):
        session.watch("test://256")


async def test_running_requests_are_bounded_and_forgotten() -> None:
    """By id; an id can be used again once its request has ended."""
    running = Running(2)
    tasks: list[asyncio.Task[Any]] = [asyncio.create_task(asyncio.sleep(60)) for _ in range(3)]
    running.add(Raw(b"1"), tasks[0])
    with pytest.raises(InvalidRequest):
        running.add(Raw(b"1"), tasks[1])
    running.add(Raw(b'"1"'), tasks[1])
    with pytest.raises(Busy):
        running.add(Raw(b"2"), tasks[2])
    running.cancel_all()
    await asyncio.wait(tasks[:2])
    await asyncio.sleep(0)
    assert len(running) == 0
    running.add(Raw(b"1"), tasks[2])
    running.cancel_all()
