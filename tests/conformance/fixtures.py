"""The toolset that the conformance suite expects of a server; only its test server loads it.

What each must answer is told in the suite's scenarios
(https://github.com/modelcontextprotocol/conformance, ``src/scenarios/server``).
"""

import asyncio
import json
from base64 import b64decode
from collections.abc import Sequence
from typing import Annotated

from pydantic import BaseModel, Field, PrivateAttr

from dynogate.errors import MissingCapability, ToolError
from dynogate.tools.changes import Changes, ListChanged
from dynogate.tools.context import ToolContext
from dynogate.tools.inputs import ROOTS, Answer, InputRequest, accepted, form, sampling
from dynogate.tools.prompts import PromptMessage, user_text
from dynogate.tools.registry import Annotations, Toolset
from dynogate.wire.results import (
    AudioContent,
    Content,
    EmbeddedResource,
    ImageContent,
    TextContent,
    TextResource,
)

toolset = Toolset("conformance")
READ = Annotations(read_only=True, idempotent=True)

IMAGE = b64decode(  # a red pixel as PNG
    "iVBORw0KGgoAAAANSUhEUgAAAAEAAAABCAYAAAAfFcSJAAAADUlEQVR42mP8z8DwHwAFBQIAX8jx0gAAAABJRU5ErkJg"
    "gg=="
)
SOUND = b64decode(  # one sample of silence as WAV
    "UklGRiYAAABXQVZFZm10IBAAAAABAAEAQB8AAAB9AAACABAAZGF0YQIAAAA="
)


class Said(BaseModel):
    """A text."""

    said: str

    def text(self) -> str:
        return self.said


class Shown(BaseModel):
    """More than a text; how much is all that the structured content says."""

    count: int
    _shown: tuple[Content, ...] = PrivateAttr(())

    def text(self) -> str:
        return f"{self.count} blocks"

    def blocks(self) -> Sequence[Content]:
        return self._shown


def show(*blocks: Content) -> Shown:
    shown = Shown(count=len(blocks))
    shown._shown = blocks
    return shown


def ask_name(message: str = "What is your name?") -> InputRequest:
    return form(
        message,
        {"type": "object", "properties": {"name": {"type": "string"}}, "required": ["name"]},
    )


def confirmation(message: str = "Please confirm", member: str = "ok") -> InputRequest:
    return form(
        message,
        {"type": "object", "properties": {member: {"type": "boolean"}}, "required": [member]},
    )


def told(answer: Answer) -> str:
    """How the user answered a form, in the words of the suite."""
    content = json.dumps(answer.get("content") or {}, separators=(",", ":"))
    return f"action={answer.get('action')}, content={content}"


# Content


@toolset.tool(scope="tools:read", annotations=READ)
async def test_simple_text(ctx: ToolContext) -> Said:
    """Answer with a text."""
    return Said(said="This is a simple text response for testing.")


@toolset.tool(scope="tools:read", annotations=READ)
async def test_image_content(ctx: ToolContext) -> Shown:
    """Answer with an image."""
    return show(ImageContent(IMAGE, "image/png"))


@toolset.tool(scope="tools:read", annotations=READ)
async def test_audio_content(ctx: ToolContext) -> Shown:
    """Answer with a sound."""
    return show(AudioContent(SOUND, "audio/wav"))


@toolset.tool(scope="tools:read", annotations=READ)
async def test_embedded_resource(ctx: ToolContext) -> Shown:
    """Answer with a resource."""
    held = "This is an embedded resource content."
    return show(EmbeddedResource(TextResource("test://embedded-resource", "text/plain", held)))


@toolset.tool(scope="tools:read", annotations=READ)
async def test_multiple_content_types(ctx: ToolContext) -> Shown:
    """Answer with a text, an image and a resource."""
    held = TextResource(
        "test://mixed-content-resource", "application/json", '{"test":"data","value":123}'
    )
    return show(
        TextContent("Multiple content types test:"),
        ImageContent(IMAGE, "image/png"),
        EmbeddedResource(held),
    )


@toolset.tool(scope="tools:read", annotations=READ)
async def test_error_handling(ctx: ToolContext) -> Said:
    """Fail."""
    raise ToolError("This tool intentionally returns an error for testing")


@toolset.tool(scope="tools:read", annotations=READ)
async def test_x_mcp_header(
    ctx: ToolContext,
    *,
    region: Annotated[
        str, Field(description="where", json_schema_extra={"x-mcp-header": "Region"})
    ] = "nowhere",  # noqa: PT028  (a tool, not a test)
) -> Said:
    """Take an argument that clients repeat in a header."""
    return Said(said=f"region={region}")


@toolset.tool(
    scope="tools:read",
    annotations=READ,
    schema={
        "$schema": "https://json-schema.org/draft/2020-12/schema",
        "$defs": {
            "address": {
                "$anchor": "addressDef",
                "type": "object",
                "properties": {"street": {"type": "string"}, "city": {"type": "string"}},
            }
        },
        "properties": {
            "name": {"type": "string"},
            "address": {"$ref": "#/$defs/address"},
            "contactMethod": {"type": "string", "enum": ["phone", "email"]},
            "phone": {"type": "string"},
            "email": {"type": "string"},
        },
        "allOf": [{"anyOf": [{"required": ["phone"]}, {"required": ["email"]}]}],
        "if": {"properties": {"contactMethod": {"const": "phone"}}, "required": ["contactMethod"]},
        "then": {"required": ["phone"]},
        "else": {"required": ["email"]},
    },
)
async def json_schema_2020_12_tool(
    ctx: ToolContext,
    *,
    name: str | None = None,
    address: dict[str, str] | None = None,
    contactMethod: str | None = None,  # noqa: N803  (the suite's name)
    phone: str | None = None,
    email: str | None = None,
) -> Said:
    """Have a schema with the words of JSON Schema 2020-12."""
    return Said(said=f"{name} by {contactMethod or (phone and 'phone') or (email and 'email')}")


# What is told while a call runs


@toolset.tool(scope="tools:read", annotations=READ)
async def test_tool_with_logging(ctx: ToolContext) -> Said:
    """Log three times."""
    for stage in ("started", "processing data", "completed"):
        ctx.client.log("info", f"Tool {stage}")
        await asyncio.sleep(0.05)
    return Said(said="Tool with logging executed successfully")


@toolset.tool(scope="tools:read", annotations=READ)
async def test_logging_tool(ctx: ToolContext) -> Said:
    """Log once."""
    ctx.client.log("info", "Tool logs")
    return Said(said="logged")


@toolset.tool(scope="tools:read", annotations=READ)
async def test_tool_with_progress(ctx: ToolContext) -> Said:
    """Report progress three times."""
    for done in (0, 50, 100):
        ctx.progress(done, 100, f"Completed step {done} of 100")
        await asyncio.sleep(0.05)
    return Said(said="done")


@toolset.tool(scope="tools:read", annotations=READ, long_running=True)
async def test_reconnection(ctx: ToolContext) -> Said:
    """Take so long that a client may reconnect."""
    await asyncio.sleep(1.0)
    return Said(said="Reconnection test completed")


@toolset.tool(scope="tools:read", annotations=READ)
async def test_trigger_tool_change(ctx: ToolContext) -> Said:
    """Announce that the list of tools changed."""
    ctx.services.get(Changes).announce(ListChanged("tools"))
    return Said(said="tool list changed")


@toolset.tool(scope="tools:read", annotations=READ)
async def test_trigger_prompt_change(ctx: ToolContext) -> Said:
    """Announce that the list of prompts changed."""
    ctx.services.get(Changes).announce(ListChanged("prompts"))
    return Said(said="prompt list changed")


# What is asked of the client, in both eras


@toolset.tool(scope="tools:read", annotations=READ)
async def test_sampling(ctx: ToolContext, *, prompt: str) -> Said:
    """Have the client's model answer."""
    answers = await ctx.client.ask({"sample": sampling(prompt, max_tokens=100)})
    return Said(said=f"LLM response: {answers['sample'].get('content', {}).get('text')}")


@toolset.tool(scope="tools:read", annotations=READ)
async def test_elicitation(ctx: ToolContext, *, message: str) -> Said:
    """Have the user say something."""
    schema = {
        "type": "object",
        "properties": {"response": {"type": "string", "description": "User's response"}},
        "required": ["response"],
    }
    answers = await ctx.client.ask({"response": form(message, schema)})
    return Said(said=f"User response: {told(answers['response'])}")


@toolset.tool(scope="tools:read", annotations=READ)
async def test_streaming_elicitation(ctx: ToolContext) -> Said:
    """Report progress, then have the user say something."""
    ctx.progress(1, 2, "about to ask")
    answers = await ctx.client.ask({"user_name": ask_name()})
    return Said(said=f"User response: {told(answers['user_name'])}")


@toolset.tool(scope="tools:read", annotations=READ)
async def test_elicitation_sep1034_defaults(ctx: ToolContext) -> Said:
    """Ask with defaults for every plain type."""
    schema = {
        "type": "object",
        "properties": {
            "name": {"type": "string", "description": "User name", "default": "John Doe"},
            "age": {"type": "integer", "description": "User age", "default": 30},
            "score": {"type": "number", "description": "User score", "default": 95.5},
            "status": {
                "type": "string",
                "description": "User status",
                "enum": ["active", "inactive", "pending"],
                "default": "active",
            },
            "verified": {"type": "boolean", "description": "Verified", "default": True},
        },
        "required": [],
    }
    answers = await ctx.client.ask({"info": form("Please provide user information", schema)})
    return Said(said=f"Elicitation completed: {told(answers['info'])}")


@toolset.tool(scope="tools:read", annotations=READ)
async def test_elicitation_sep1330_enums(ctx: ToolContext) -> Said:
    """Ask with every kind of choice."""
    simple = ["option1", "option2", "option3"]
    titled = [
        {"const": "value1", "title": "First Option"},
        {"const": "value2", "title": "Second Option"},
        {"const": "value3", "title": "Third Option"},
    ]
    schema = {
        "type": "object",
        "properties": {
            "untitledSingle": {"type": "string", "enum": simple},
            "titledSingle": {"type": "string", "oneOf": titled},
            "legacyEnum": {
                "type": "string",
                "enum": ["opt1", "opt2", "opt3"],
                "enumNames": ["Option One", "Option Two", "Option Three"],
            },
            "untitledMulti": {"type": "array", "items": {"type": "string", "enum": simple}},
            "titledMulti": {"type": "array", "items": {"anyOf": titled}},
        },
        "required": [],
    }
    answers = await ctx.client.ask({"choices": form("Please select options", schema)})
    return Said(said=f"Elicitation completed: {told(answers['choices'])}")


@toolset.tool(scope="tools:read", annotations=READ)
async def test_missing_capability(ctx: ToolContext) -> Said:
    """Need sampling."""
    request = sampling("Say hello", max_tokens=50)
    if not ctx.client.can(request):
        await ctx.client.ask({"sample": request})
    return Said(said="Client declared sampling capability; proceeding.")


# Input-required results


@toolset.tool(scope="tools:read", annotations=READ)
async def test_input_required_result_elicitation(ctx: ToolContext) -> Said:
    """Ask the user for a name."""
    answers = await ctx.client.ask({"user_name": ask_name()})
    filled = accepted(answers["user_name"]) or {}
    return Said(said=f"Hello, {filled.get('name', 'stranger')}!")


@toolset.tool(scope="tools:read", annotations=READ)
async def test_input_required_result_sampling(ctx: ToolContext) -> Said:
    """Ask the model for a capital."""
    request = sampling("What is the capital of France?", max_tokens=100)
    answers = await ctx.client.ask({"capital_question": request})
    return Said(said=f"Model said: {answers['capital_question'].get('content', {}).get('text')}")


@toolset.tool(scope="tools:read", annotations=READ)
async def test_input_required_result_list_roots(ctx: ToolContext) -> Said:
    """Ask for the client's roots."""
    answers = await ctx.client.ask({"client_roots": ROOTS})
    return Said(said=f"Client exposed {len(answers['client_roots'].get('roots', []))} root(s).")


@toolset.tool(scope="tools:read", annotations=READ)
async def test_input_required_result_request_state(ctx: ToolContext) -> Said:
    """Ask for a confirmation."""
    await ctx.client.ask({"confirm": confirmation()})
    return Said(said="state-ok: confirmation received")


@toolset.tool(scope="tools:read", annotations=READ)
async def test_input_required_result_multiple_inputs(ctx: ToolContext) -> Said:
    """Ask three things at once."""
    await ctx.client.ask(
        {
            "user_name": ask_name(),
            "greeting": sampling("Generate a greeting", max_tokens=50),
            "client_roots": ROOTS,
        }
    )
    return Said(said="All inputs received.")


@toolset.tool(scope="tools:read", annotations=READ)
async def test_input_required_result_multi_round(ctx: ToolContext) -> Said:
    """Ask two things, one after the other."""
    first = await ctx.client.ask({"step1": ask_name("Step 1: What is your name?")})
    schema = {"type": "object", "properties": {"color": {"type": "string"}}, "required": ["color"]}
    question = form("Step 2: What is your favorite color?", schema)
    second = await ctx.client.ask({"step2": question})
    name, color = accepted(first["step1"]) or {}, accepted(second["step2"]) or {}
    return Said(said=f"{name.get('name')} likes {color.get('color')}.")


@toolset.tool(scope="tools:read", annotations=READ)
async def test_input_required_result_tampered_state(ctx: ToolContext) -> Said:
    """Ask for a confirmation."""
    await ctx.client.ask({"confirm": confirmation()})
    return Said(said="confirmed")


@toolset.tool(scope="tools:read", annotations=READ)
async def test_input_required_result_capabilities(ctx: ToolContext) -> Said:
    """Ask whatever the client can be asked."""
    requests = {"sample": sampling("Say hello", max_tokens=50), "ask": ask_name()}
    possible = {name: each for name, each in requests.items() if ctx.client.can(each)}
    await ctx.client.ask(possible)
    return Said(said=f"asked {', '.join(possible)}")


# Tasks


@toolset.tool(scope="tools:read", annotations=READ)
async def greet(ctx: ToolContext, *, name: str) -> Said:
    """Greet somebody at once."""
    return Said(said=f"Hello, {name}!")


@toolset.tool(scope="tools:read", annotations=READ, long_running=True)
async def slow_compute(ctx: ToolContext, *, seconds: float = 1.0, label: str = "") -> Said:
    """Take some seconds."""
    await ctx.defer()
    await asyncio.sleep(seconds)
    return Said(said=f"computed {label} in {seconds:g} s")


@toolset.tool(scope="tools:read", annotations=READ, long_running=True)
async def failing_job(ctx: ToolContext) -> Said:
    """Fail as tools do, and never but as a task."""
    _need_task(ctx)
    await ctx.defer()
    raise ToolError("This job always fails")


@toolset.tool(scope="tools:read", annotations=READ, long_running=True)
async def protocol_error_job(ctx: ToolContext) -> Said:
    """Fail by a fault of the server's own."""
    await ctx.defer()
    raise RuntimeError("an error that no tool makes on purpose")


@toolset.tool(scope="tools:execute", annotations=READ, long_running=True)
async def confirm_delete(ctx: ToolContext, *, filename: str) -> Said:
    """Ask, as a task, whether to delete a file (and never do it)."""
    await ctx.defer()
    answers = await ctx.client.ask({"confirm": confirmation(f"Delete {filename}?", "confirm")})
    filled = accepted(answers["confirm"]) or {}
    return Said(said=f"{'deleted' if filled.get('confirm') else 'kept'} {filename}")


@toolset.tool(scope="tools:read", annotations=READ, long_running=True)
async def multi_input(ctx: ToolContext) -> Said:
    """Ask two things at once, as a task."""
    await ctx.defer()
    answers = await ctx.client.ask({"name": ask_name(), "confirm": confirmation()})
    return Said(said=f"answered: {', '.join(sorted(answers))}")


@toolset.tool(scope="tools:read", annotations=READ, long_running=True)
async def test_tool_with_task(ctx: ToolContext) -> Said:
    """Ask for a name, then go on as a task."""
    _need_task(ctx)
    answers = await ctx.client.ask({"user_name": ask_name()})
    await ctx.defer()
    filled = accepted(answers["user_name"]) or {}
    return Said(said=f"Hello, {filled.get('name')}!")


def _need_task(ctx: ToolContext) -> None:
    if ctx.deferral is None:
        raise MissingCapability(
            "this tool only runs as a task",
            data={"requiredCapabilities": {"extensions": {"io.modelcontextprotocol/tasks": {}}}},
        )


# Resources


@toolset.resource("test://static-text", mime_type="text/plain")
async def static_text(ctx: ToolContext) -> str:
    """A text."""
    return "This is the content of the static text resource."


@toolset.resource("test://static-binary", mime_type="image/png")
async def static_binary(ctx: ToolContext) -> bytes:
    """An image."""
    return IMAGE


@toolset.resource("test://watched-resource", mime_type="text/plain")
async def watched_resource(ctx: ToolContext) -> str:
    """A text that clients may want to be told the changes of."""
    return "Watched resource content"


@toolset.resource("test://template/{id}/data", mime_type="application/json")
async def template_data(ctx: ToolContext, *, id: str) -> str:  # noqa: A002  (the suite's name)
    """A text with what was asked for in it."""
    return json.dumps({"id": id, "templateTest": True, "data": f"Data for ID: {id}"})


# Prompts


@toolset.prompt()
async def test_simple_prompt(ctx: ToolContext) -> list[PromptMessage]:
    """A prompt without arguments."""
    return [user_text("This is a simple prompt for testing.")]


async def _complete_place(ctx: ToolContext, typed: str, given: object) -> list[str]:
    return [value for value in ("paris", "park", "party") if value.startswith(typed)]


@toolset.prompt(complete={"arg1": _complete_place})
async def test_prompt_with_arguments(
    ctx: ToolContext,
    *,
    arg1: Annotated[str, Field(description="First test argument")],
    arg2: Annotated[str, Field(description="Second test argument")],
) -> list[PromptMessage]:
    """A prompt with arguments."""
    return [user_text(f"Prompt with arguments: arg1='{arg1}', arg2='{arg2}'")]


@toolset.prompt()
async def test_prompt_with_embedded_resource(
    ctx: ToolContext,
    *,
    resourceUri: Annotated[str, Field(description="URI")],  # noqa: N803  (the suite's name)
) -> list[PromptMessage]:
    """A prompt with a resource in it."""
    held = TextResource(resourceUri, "text/plain", "Embedded resource content for testing.")
    return [
        PromptMessage("user", EmbeddedResource(held)),
        user_text("Please process the embedded resource above."),
    ]


@toolset.prompt()
async def test_prompt_with_image(ctx: ToolContext) -> list[PromptMessage]:
    """A prompt with an image in it."""
    return [
        PromptMessage("user", ImageContent(IMAGE, "image/png")),
        user_text("Please analyze the image above."),
    ]


@toolset.prompt()
async def test_input_required_result_prompt(ctx: ToolContext) -> list[PromptMessage]:
    """A prompt that asks the user first."""
    schema = {
        "type": "object",
        "properties": {"context": {"type": "string"}},
        "required": ["context"],
    }
    request = form("What context should the prompt use?", schema)
    answers = await ctx.client.ask({"user_context": request})
    filled = accepted(answers["user_context"]) or {}
    return [user_text(f"Use the following context: {filled.get('context')}")]
