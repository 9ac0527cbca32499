import json
from contextlib import closing
from pathlib import Path
from typing import Any

import pytest

from dynogate.errors import ConfigurationError, InvalidParams
from dynogate.telemetry.audit import Audit
from dynogate.telemetry.metrics import Metrics
from dynogate.tools.context import ToolContext
from dynogate.tools.dispatch import call_tool
from dynogate.tools.registry import Annotations, FunctionTool, Registry, Scope, Toolset
from dynogate.tools.toolsets import load_registry
from tests.conformance.fixtures import toolset as conformance
from tests.toolset import Echo, toolset


@pytest.fixture
def echo() -> FunctionTool:
    tool = Registry(toolset).get("echo")
    assert isinstance(tool, FunctionTool)
    return tool


def test_a_declaration_becomes_a_listing(echo: FunctionTool) -> None:
    """Name, description and both schemas come from the function alone."""
    listed = echo.listing()
    schema = listed["inputSchema"]
    assert isinstance(schema, dict)
    assert (
        listed["description"]
        == "Say something back.\n\nThe second paragraph is for those who read on."
    )
    assert schema["required"] == ["say"]
    assert schema["properties"]["times"]["description"] == "how often"
    assert schema["properties"]["times"]["maximum"] == 5
    assert schema["additionalProperties"] is False
    assert listed["outputSchema"] == Echo.model_json_schema(mode="serialization")
    assert listed["annotations"] == {
        "readOnlyHint": True,
        "destructiveHint": False,
        "idempotentHint": True,
        "openWorldHint": False,
    }


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        ({}, "argument 'say' is missing: what to say"),
        ({"say": "x", "tims": 2}, "unknown argument 'tims': did you mean 'times'?"),
        ({"say": "x", "zzz": 2}, "unknown argument 'zzz': it takes say, times, mood"),
        (
            {"say": "x", "times": "2"},
            "argument 'times': Input should be a valid integer (got \"2\")",
        ),
        (
            {"say": "x", "times": 9},
            "argument 'times': Input should be less than or equal to 5 (got 9)",
        ),
        ({"say": 5}, "argument 'say': Input should be a valid string (got 5)"),
        (
            {"say": "x", "mood": "?"},
            "argument 'mood': Input should be 'calm' or 'loud' (got \"?\")",
        ),
    ],
)
def test_a_wrong_argument_is_named(echo: FunctionTool, arguments: object, said: str) -> None:
    """The message names the argument, what was expected and what came."""
    with pytest.raises(InvalidParams) as caught:
        echo.read_arguments(json.dumps(arguments).encode())
    assert caught.value.message == f"echo: {said}"
    assert caught.value.data is not None


def test_a_long_wrong_value_is_cut(echo: FunctionTool) -> None:
    """A megabyte of nonsense isn't echoed back."""
    with pytest.raises(InvalidParams) as caught:
        echo.read_arguments(json.dumps({"say": ["x" * 10_000]}).encode())
    assert len(caught.value.message) < 200


class Elsewhere:
    """A tool of another server: nothing of it but what that server listed, and a way to call it."""

    name = "far_echo"
    family = "far"
    description = "Say something back, from far away."
    scope: Scope = "tools:read"
    long_running = False
    costly = False

    async def call(self, arguments: bytes, context: ToolContext) -> bytes:
        """What the other server answered, passed on as it came."""
        return b'{"content":[],"structuredContent":%b}' % arguments

    def input_schema(self) -> dict[str, Any]:
        return {"type": "object", "properties": {"say": {"type": "string"}}}

    def listing(self) -> dict[str, object]:
        return {"name": self.name, "inputSchema": self.input_schema()}


async def test_a_toolset_may_be_remote(context: ToolContext, tmp_path: Path) -> None:
    """The catalogue lists and calls tools that are no functions of this process."""
    registry = Registry(toolset, Toolset("far", tools=[Elsewhere()]))
    assert json.loads(registry.listing)["tools"][-1]["name"] == "far_echo"
    found = registry.get("far_echo")
    assert found is not None
    with closing(Audit(tmp_path / "audit.jsonl")) as audit:
        result = await call_tool(found, b'{"say": "hi"}', context, Metrics(), audit, "rpc")
    assert json.loads(result)["structuredContent"] == {"say": "hi"}


def test_names_are_unique_across_toolsets() -> None:
    """Two families can't both own a tool; the message names both."""
    with pytest.raises(ConfigurationError, match="already in the toolset 'testing'"):
        Registry(toolset, toolset)


def test_names_are_what_mcp_allows() -> None:
    """A name that clients could not call is refused at start-up."""
    bad = Toolset("bad")

    async def näme(ctx: object) -> Echo:
        """Never called."""
        raise AssertionError

    bad.tool(scope="tools:read", annotations=Annotations(read_only=True))(näme)
    with pytest.raises(ConfigurationError, match="must match"):
        Registry(bad)


def test_a_misspelt_tool_gets_a_suggestion() -> None:
    """Close names are offered; otherwise where the list is."""
    registry = Registry(toolset)
    assert registry.suggest("ecko") == "did you mean 'echo'?"
    assert "GET /mcp/tools" in registry.suggest("qqqqqq")


def test_toolsets_are_loaded_by_reference() -> None:
    """The setting adds to the installed ones."""
    registry = load_registry(["tests.toolset:toolset"])
    assert registry.get("echo") is not None
    assert registry.get("profile_script") is not None


@pytest.mark.parametrize(
    ("reference", "said"),
    [
        ("no.such.module:toolset", "cannot load"),
        ("tests.toolset:nothing", "cannot load"),
        ("tests.toolset", "cannot load"),
        ("tests.toolset:READ", "not a Toolset"),
    ],
)
def test_a_wrong_toolset_reference_is_refused(reference: str, said: str) -> None:
    """At start-up, with the reference in the message."""
    with pytest.raises(ConfigurationError, match=said):
        load_registry([reference])


def test_a_tool_can_say_more_of_its_arguments() -> None:
    """Keywords that annotations cannot say are in the schema, beside what they do say."""
    loaded = Registry(conformance)
    tool = loaded.get("json_schema_2020_12_tool")
    assert tool is not None
    schema = tool.input_schema()
    assert schema["$defs"]["address"]["$anchor"] == "addressDef"
    assert schema["additionalProperties"] is False
    assert {"$schema", "allOf", "if", "then", "else"} <= set(schema)


async def test_a_tool_can_give_more_than_text(context: ToolContext, tmp_path: Path) -> None:
    """Its blocks become the content; what it says in JSON stays the structured content."""
    tool = Registry(conformance).get("test_multiple_content_types")
    assert tool is not None
    with closing(Audit(tmp_path / "audit.jsonl")) as audit:
        result = json.loads(await call_tool(tool, b"{}", context, Metrics(), audit, "test"))
    assert [block["type"] for block in result["content"]] == ["text", "image", "resource"]
    assert result["structuredContent"] == {"count": 3}
