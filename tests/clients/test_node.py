"""Clients written in TypeScript, as they are published."""

import json

import pytest

from tests.clients.conftest import Place, node, visit_of

pytestmark = pytest.mark.slow

INSPECTOR = "node_modules/@modelcontextprotocol/inspector/clients/launcher/build/index.js"


@pytest.mark.parametrize("kind", ["client-legacy", "client-auto"])
def test_the_typescript_client_works_in_both_eras(place: Place, kind: str) -> None:
    """@modelcontextprotocol/client: tools, a profile with progress, a cancelled one."""
    url = f"{place.live.url}/mcp"
    output = node("investigate.mjs", kind, url, str(place.script), str(place.endless))
    place.check(visit_of(output))


def test_the_typescript_sdk_works_over_websocket(place: Place) -> None:
    """@modelcontextprotocol/sdk 1.x, the last one that speaks it."""
    url = f"{place.live.url}/ws".replace("http:", "ws:")
    output = node("investigate.mjs", "sdk-websocket", url, str(place.script), str(place.endless))
    place.check(visit_of(output))


def test_the_inspector_lists_and_calls(place: Place) -> None:
    """Its command line: what people try first."""
    url = f"{place.live.url}/mcp"
    listed = json.loads(node(INSPECTOR, "--cli", url, "--method", "tools/list"))
    assert "profile_script" in {tool["name"] for tool in listed["tools"]}
    call = ("--method", "tools/call", "--tool-name", "profile_script")
    said = node(INSPECTOR, "--cli", url, *call, "--tool-arg", f"script_path={place.script}")
    assert json.loads(said)["structuredContent"]["summary"]["outcome"] == "completed"
