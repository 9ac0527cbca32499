"""Clients written in Python, as they are published."""

import asyncio
from collections.abc import Awaitable, Callable
from typing import Any, Literal, Protocol

import fastmcp
import mcp
import pytest

from tests.clients.conftest import Place

pytestmark = pytest.mark.slow


class OnProgress(Protocol):
    """As both libraries call it."""

    async def __call__(self, progress: float, total: float | None, message: str | None) -> None: ...


Call = Callable[[dict[str, object], OnProgress], Awaitable[Any]]


async def visit(place: Place, tools: list[Any], call: Call) -> dict[str, Any]:
    """Profile a script to its end, and cancel the profile of another once it tells of itself."""
    told = 0
    first = asyncio.Event()

    async def on_progress(progress: float, total: float | None, message: str | None) -> None:
        nonlocal told
        told += 1
        first.set()

    arguments = {"script_path": str(place.script), "cpu_only": True}
    profile = await call(arguments, on_progress)
    counted = told
    first.clear()
    endless = {"script_path": str(place.endless), "cpu_only": True}
    cancelled = asyncio.ensure_future(call(endless, on_progress))
    await asyncio.wait_for(first.wait(), 60)
    cancelled.cancel()
    done, _ = await asyncio.wait({cancelled}, timeout=30)
    return {
        "tools": [tool.name for tool in tools],
        "outcome": profile.structured_content["summary"]["outcome"],
        "text": profile.content[0].text,
        "progress": counted,
        "not_cancelled": None if done and cancelled.cancelled() else repr(cancelled),
    }


@pytest.mark.parametrize(("mode", "version"), [("auto", "2026-07-28"), ("legacy", "2025-11-25")])
async def test_the_official_client_works_in_both_eras(
    place: Place, mode: Literal["auto", "legacy"], version: str
) -> None:
    """mcp 2.x: tools, a profile with progress, a cancelled one."""
    async with mcp.Client(f"{place.live.url}/mcp", mode=mode) as client:
        assert client.protocol_version == version

        async def call(arguments: dict[str, object], on_progress: OnProgress) -> Any:
            return await client.call_tool(
                "profile_script", arguments, progress_callback=on_progress
            )

        seen = await visit(place, (await client.list_tools()).tools, call)
        await asyncio.to_thread(place.check, seen)


async def test_fastmcps_client_works(place: Place) -> None:
    """In the era that it chooses."""
    async with fastmcp.Client(f"{place.live.url}/mcp") as client:

        async def call(arguments: dict[str, object], on_progress: OnProgress) -> Any:
            return await client.call_tool("profile_script", arguments, progress_handler=on_progress)

        seen = await visit(place, await client.list_tools(), call)
        await asyncio.to_thread(place.check, seen)
