"""What is called, and how it looks on the wire."""

import json
from pathlib import Path

import numpy as np
import pytest

from dynogate.errors import ConfigurationError
from dynogate.load.calls import (
    FIRST_ID,
    LEGACY,
    MODERN,
    Call,
    cheapest_tool,
    draw_kinds,
    prepare,
    read_scenario,
)


def tool(name: str, *, required: bool = False, reads: bool | None = None) -> dict[str, object]:
    """A tool as tools/list has it."""
    listed: dict[str, object] = {
        "name": name,
        "inputSchema": {"required": ["x"]} if required else {},
    }
    return listed if reads is None else {**listed, "annotations": {"readOnlyHint": reads}}


LONG = {"_meta": {"dynogate/longRunning": True}}


@pytest.mark.parametrize(
    ("tools", "chosen"),
    [
        ([], "list_databases"),
        ([tool("drop_all"), tool("erase")], "list_databases"),
        ([tool("drop_all", reads=False), tool("census", reads=True)], "census"),
        ([tool("list_files"), tool("ping")], "ping"),
        ([tool("ping", reads=False), tool("list_files")], "list_files"),
        ([tool("get_x", required=True), tool("describe_all", reads=True)], "describe_all"),
        ([tool("show", reads=True), tool("health_check", reads=True)], "health_check"),
        ([tool("list_slowly", reads=True) | LONG, tool("show", reads=True)], "show"),
        ([{"name": 5}, {"inputSchema": None, "name": "echo"}], "echo"),
    ],
)
def test_the_default_tool_is_the_cheapest_that_only_reads(
    tools: list[dict[str, object]], chosen: str
) -> None:
    """No required arguments, annotated as read-only, or at least named so."""
    assert cheapest_tool(tools) == chosen


def test_direct_names_over_rpc_and_ws() -> None:
    """The method is the tool, the params its arguments."""
    for transport in ("rpc", "ws"):
        call = prepare(Call("execute_query", {"sql": "select 1"}), transport, MODERN)
        assert json.loads(call.body(FIRST_ID)) == {
            "jsonrpc": "2.0",
            "id": FIRST_ID,
            "method": "execute_query",
            "params": {"sql": "select 1"},
        }


def test_a_modern_call_carries_its_metadata() -> None:
    """2026-07-28: protocol version, method and name in headers and body alike."""
    call = prepare(Call("größe"), "mcp", MODERN)
    body = json.loads(call.body(FIRST_ID))
    assert body["method"] == "tools/call"
    assert body["params"]["name"] == "größe"
    assert body["params"]["_meta"]["io.modelcontextprotocol/protocolVersion"] == MODERN
    assert call.headers["MCP-Protocol-Version"] == MODERN
    assert call.headers["Mcp-Method"] == "tools/call"
    assert call.headers["Mcp-Name"] == "=?base64?Z3LDtsOfZQ==?="


def test_a_call_in_a_session() -> None:
    """The 2025 eras have a session's id and no metadata."""
    call = prepare(Call("ping"), "mcp", LEGACY, "abc")
    assert call.headers["Mcp-Session-Id"] == "abc"
    assert "_meta" not in json.loads(call.body(FIRST_ID))["params"]
    assert "Mcp-Name" not in call.headers


def test_calls_come_as_often_as_they_weigh() -> None:
    """And in the same order for the same seed."""
    calls = [Call("a", weight=3), Call("b", weight=1)]
    drawn = draw_kinds(calls, 10_000)
    assert 0.73 < (drawn == 0).mean() < 0.77
    assert np.array_equal(drawn, draw_kinds(calls, 10_000))
    assert draw_kinds(calls[:1], 3).tolist() == [0, 0, 0]


@pytest.mark.parametrize("name", ["scenario.json", "scenario.yaml"])
def test_a_scenario_file(tmp_path: Path, name: str) -> None:
    """JSON is YAML, too."""
    path = tmp_path / name
    path.write_text('[{"tool": "a", "weight": 3}, {"tool": "b", "arguments": {"x": 1}}]')
    assert read_scenario(path) == (Call("a", weight=3), Call("b", {"x": 1}))


@pytest.mark.parametrize(
    ("text", "why"),
    [
        ("[]", "at least one call"),
        ('[{"tool": "a", "weight": 0}]', "weight"),
        ('[{"tool": "a", "argumentz": {}}]', "argumentz"),
        ('{"tool": "a"}', "no list"),
        ("[", "no list"),
    ],
)
def test_a_wrong_scenario_says_what_is_wrong(tmp_path: Path, text: str, why: str) -> None:
    """Before anything is sent."""
    path = tmp_path / "scenario.json"
    path.write_text(text)
    with pytest.raises(ConfigurationError, match=why):
        read_scenario(path)


def test_a_missing_scenario(tmp_path: Path) -> None:
    """Is told, too."""
    with pytest.raises(ConfigurationError, match="cannot be read"):
        read_scenario(tmp_path / "none.json")
