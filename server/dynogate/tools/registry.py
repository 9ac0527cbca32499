"""The tool catalogue: a tool is declared once, as a typed async function.

From that one declaration come the listing with its schemas, the validation of arguments, the
command line and the docs.
"""

import difflib
import inspect
import re
from collections.abc import Awaitable, Callable, Iterator
from dataclasses import dataclass, field
from typing import Any, Literal, cast, get_type_hints

import msgspec
from pydantic import BaseModel, ConfigDict, ValidationError, create_model

from dynogate.errors import ConfigurationError, InvalidParams
from dynogate.tools.context import ToolContext, ToolOutput

Scope = Literal["tools:read", "tools:execute"]
Handler = Callable[..., Awaitable[ToolOutput]]

_NAME = re.compile(r"[A-Za-z0-9_.-]{1,64}")  # MCP: tool names, SEP-986


class Arguments(BaseModel):
    """The base of every tool's argument model: nothing unknown, nothing coerced."""

    model_config = ConfigDict(extra="forbid", strict=True, allow_inf_nan=False)


@dataclass(frozen=True, slots=True)
class Annotations:
    """MCP's hints for clients that decide whether to ask before a call."""

    read_only: bool
    destructive: bool = False
    idempotent: bool = False
    open_world: bool = False

    def as_mcp(self) -> dict[str, bool]:
        """The hints under their names on the wire."""
        return {
            "readOnlyHint": self.read_only,
            "destructiveHint": self.destructive,
            "idempotentHint": self.idempotent,
            "openWorldHint": self.open_world,
        }


@dataclass(frozen=True, slots=True)
class Tool:
    """One tool of the catalogue."""

    name: str
    family: str
    description: str
    scope: Scope
    long_running: bool
    annotations: Annotations
    arguments: type[Arguments]
    output: type[BaseModel]
    handler: Handler

    async def call(self, arguments: bytes, context: ToolContext) -> ToolOutput:
        """Validate ``arguments`` (a JSON object) and run the tool.

        Raises:
            InvalidParams: an argument is missing, unknown or of the wrong type.
            DynogateError: what the tool itself raises.
        """
        given = self.read_arguments(arguments)
        named = {name: getattr(given, name) for name in type(given).model_fields}
        return await self.handler(context, **named)

    def read_arguments(self, arguments: bytes) -> Arguments:
        """The validated arguments.

        Raises:
            InvalidParams: names each argument at fault and what was expected.
        """
        try:
            return self.arguments.model_validate_json(arguments)
        except ValidationError as error:
            raise self._invalid(error) from None

    def listing(self) -> dict[str, object]:
        """The tool's entry in ``tools/list``."""
        return {
            "name": self.name,
            "description": self.description,
            "inputSchema": self.arguments.model_json_schema(),
            "outputSchema": self.output.model_json_schema(mode="serialization"),
            "annotations": self.annotations.as_mcp(),
            "_meta": {
                "dynogate/family": self.family,
                "dynogate/scope": self.scope,
                "dynogate/longRunning": self.long_running,
            },
        }

    def _invalid(self, error: ValidationError) -> InvalidParams:
        problems = []
        for found in error.errors(include_url=False, include_context=False):
            argument = ".".join(str(part) for part in found["loc"])
            problems.append({"argument": argument, "problem": self._explain(argument, found)})
        text = "; ".join(problem["problem"] for problem in problems[:5])
        return InvalidParams(f"{self.name}: {text}", data={"problems": problems[:20]})

    def _explain(self, argument: str, found: Any) -> str:
        known = list(self.arguments.model_fields)
        if found["type"] == "missing":
            return f"argument {argument!r} is missing: {self._expected(argument)}"
        if found["type"] == "extra_forbidden":
            close = difflib.get_close_matches(argument, known, n=1)
            hint = f"did you mean {close[0]!r}?" if close else f"it takes {', '.join(known)}"
            return f"unknown argument {argument!r}: {hint}"
        got = msgspec.json.encode(found["input"], enc_hook=str).decode("utf-8", "replace")
        shown = got if len(got) <= 80 else got[:77] + "..."
        return f"argument {argument!r}: {found['msg']} (got {shown})"

    def _expected(self, argument: str) -> str:
        info = self.arguments.model_fields.get(argument)
        return (info.description if info else None) or "it is required"


@dataclass(slots=True)
class Toolset:
    """A family of tools; an entry point of the group ``dynogate.toolsets`` names one."""

    family: str
    tools: list[Tool] = field(default_factory=list)

    def tool(
        self, *, scope: Scope, annotations: Annotations, long_running: bool = False
    ) -> Callable[[Handler], Handler]:
        """Declare an async function as a tool.

        Its name, parameters (annotated, keyword-only after the context), docstring and return
        type become the tool's name, arguments, description and output schema.
        """

        def declare(handler: Handler) -> Handler:
            self.tools.append(
                Tool(
                    name=handler.__name__,
                    family=self.family,
                    description=inspect.cleandoc(handler.__doc__ or ""),
                    scope=scope,
                    long_running=long_running,
                    annotations=annotations,
                    arguments=_arguments_of(handler),
                    output=_output_of(handler),
                    handler=handler,
                )
            )
            return handler

        return declare


class Registry:
    """Every tool of this gateway, by name."""

    def __init__(self, *toolsets: Toolset) -> None:
        self._tools: dict[str, Tool] = {}
        for toolset in toolsets:
            for tool in toolset.tools:
                self._add(tool)
        listing = {"tools": [tool.listing() for tool in self]}
        self.listing: bytes = msgspec.json.encode(listing)

    def _add(self, tool: Tool) -> None:
        if not _NAME.fullmatch(tool.name):
            raise ConfigurationError(f"tool name {tool.name!r} must match {_NAME.pattern}")
        if tool.name in self._tools:
            other = self._tools[tool.name].family
            raise ConfigurationError(
                f"tool {tool.name!r} of {tool.family!r} is already in the toolset {other!r}"
            )
        self._tools[tool.name] = tool

    def get(self, name: str) -> Tool | None:
        """The tool of this name, or None."""
        return self._tools.get(name)

    def suggest(self, name: str) -> str:
        """A half-sentence that helps somebody who asked for a tool that is not there."""
        close = difflib.get_close_matches(name[:64], self._tools, n=1)
        return f"did you mean {close[0]!r}?" if close else "GET /mcp/tools lists what there is"

    def __iter__(self) -> Iterator[Tool]:
        return iter(self._tools.values())

    def __len__(self) -> int:
        return len(self._tools)


def _arguments_of(handler: Handler) -> type[Arguments]:
    hints = get_type_hints(handler, include_extras=True)
    fields: dict[str, Any] = {}
    for parameter in list(inspect.signature(handler).parameters.values())[1:]:
        default = ... if parameter.default is inspect.Parameter.empty else parameter.default
        fields[parameter.name] = (hints[parameter.name], default)
    title = "".join(part.title() for part in handler.__name__.split("_")) + "Arguments"
    return create_model(title, __base__=Arguments, **fields)


def _output_of(handler: Handler) -> type[BaseModel]:
    return cast(type[BaseModel], get_type_hints(handler)["return"])
