"""Clients written in Python, as they are published."""

import asyncio
from typing import Any, Literal

import fastmcp
import mcp_types
import pytest
from mcp.client import Client

from tests.clients.conftest import Place

pytestmark = pytest.mark.slow


class Seen:
    """Progress that a client was told of; ``first`` is set with the first."""

    def __init__(self) -> None:
        self.count = 0
        self.first = asyncio.Event()

    async def __call__(self, progress: float, total: float | None, message: str | None) -> None:
        self.count += 1
        self.first.set()


def arguments(script: object) -> dict[str, Any]:
    return {"script_path": str(script), "cpu_only": True}


async def cancelled(call: Any, seen: Seen) -> str | None:
    """Cancel a call once it has made progress; what went wrong, or None."""
    task = asyncio.ensure_future(call)
    await asyncio.wait_for(seen.first.wait(), 60)
    task.cancel()
    await asyncio.wait([task])
    return None if task.cancelled() else "it was answered"


@pytest.mark.parametrize("mode", ["auto", "legacy"])
async def test_the_official_client_works_in_both_eras(
    place: Place, mode: Literal["auto", "legacy"]
) -> None:
    """mcp 2.x: tools, a profile with progress, a cancelled one."""
    seen, endless = Seen(), Seen()
    async with Client(f"{place.live.url}/mcp", mode=mode) as client:
        listed = await client.list_tools()
        profile = await client.call_tool(
            "profile_script", arguments(place.script), progress_callback=seen
        )
        call = client.call_tool(
            "profile_script", arguments(place.endless), progress_callback=endless
        )
        problem = await cancelled(call, endless)
        version = client.protocol_version
    assert version == ("2026-07-28" if mode == "auto" else "2025-11-25")
    assert isinstance(profile, mcp_types.CallToolResult)
    assert profile.structured_content is not None
    assert isinstance(profile.content[0], mcp_types.TextContent)
    place.check(
        {
            "tools": [tool.name for tool in listed.tools],
            "outcome": profile.structured_content["summary"]["outcome"],
            "text": profile.content[0].text,
            "progress": seen.count,
            "not_cancelled": problem,
        }
    )


async def test_fastmcps_client_works(place: Place) -> None:
    """fastmcp 4.x: the same."""
    seen, endless = Seen(), Seen()
    async with fastmcp.Client(f"{place.live.url}/mcp") as client:
        tools = await client.list_tools()
        profile = await client.call_tool(
            "profile_script", arguments(place.script), progress_handler=seen
        )
        call = client.call_tool(
            "profile_script", arguments(place.endless), progress_handler=endless
        )
        problem = await cancelled(call, endless)
    assert profile.structured_content is not None
    assert isinstance(profile.content[0], mcp_types.TextContent)
    place.check(
        {
            "tools": [tool.name for tool in tools],
            "outcome": profile.structured_content["summary"]["outcome"],
            "text": profile.content[0].text,
            "progress": seen.count,
            "not_cancelled": problem,
        }
    )
