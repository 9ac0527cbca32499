"""The tool catalogue: a tool is declared once, as a typed async function.

From that one declaration come the listing with its schemas, the validation of arguments, the
command line and the docs.
"""

import difflib
import inspect
import re
from collections.abc import Awaitable, Callable, Hashable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from functools import lru_cache
from typing import Any, Literal, Protocol, TypeVar, cast, get_type_hints

import msgspec
from pydantic import BaseModel, ConfigDict, ValidationError, create_model

from dynogate.errors import ConfigurationError, InvalidParams
from dynogate.tools.context import RichOutput, Services, ToolContext, ToolOutput
from dynogate.tools.prompts import Prompt, PromptMessage
from dynogate.tools.resources import Completer, Page, Reader, Resource
from dynogate.wire.headers import Mirror, mirrors
from dynogate.wire.results import content_result, tool_result

T = TypeVar("T")
Scope = Literal["tools:read", "tools:execute"]
Handler = Callable[..., Awaitable[ToolOutput]]
Writer = Callable[..., Awaitable[list[PromptMessage]]]

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


def invalid(tool: str, argument: str, problem: str) -> InvalidParams:
    """The error of an argument that no schema can refuse, in the shape of those it can."""
    text = f"argument {argument!r} {problem}"
    return InvalidParams(
        f"{tool}: {text}", data={"problems": [{"argument": argument, "problem": text}]}
    )


class Tool(Protocol):
    """What the catalogue holds: a function of ours, or a tool that another server has.

    Attributes:
        long_running: it may take longer than a client should wait for.
        costly: a call takes a share of the machine, and is limited as such calls are.
    """

    @property
    def name(self) -> str: ...  # noqa: D102
    @property
    def family(self) -> str: ...  # noqa: D102
    @property
    def description(self) -> str: ...  # noqa: D102
    @property
    def scope(self) -> Scope: ...  # noqa: D102
    @property
    def long_running(self) -> bool: ...  # noqa: D102
    @property
    def costly(self) -> bool: ...  # noqa: D102

    async def call(self, arguments: bytes, context: ToolContext) -> bytes:
        """Run the tool with ``arguments``, a JSON object.

        Returns:
            The encoded CallToolResult.

        Raises:
            DynogateError: the arguments are wrong, or the tool failed.
        """

    def input_schema(self) -> dict[str, Any]:
        """The JSON Schema of the arguments."""

    def listing(self) -> dict[str, object]:
        """The tool's entry in ``tools/list``."""


@dataclass(frozen=True, slots=True)
class FunctionTool:
    """A tool that is an async function.

    Attributes:
        long_running: it may take longer than a client should wait for.
        rich: its output is a `RichOutput`.
        schema: JSON Schema keywords of the arguments beside those of their model.
    """

    name: str
    family: str
    description: str
    scope: Scope
    long_running: bool
    annotations: Annotations
    arguments: type[Arguments]
    output: type[BaseModel]
    handler: Handler
    rich: bool = False
    schema: Mapping[str, Any] = field(default_factory=dict)

    @property
    def costly(self) -> bool:
        """Whether a call takes a share of the machine, and is limited as such calls are."""
        return self.long_running or self.scope == "tools:execute"

    async def call(self, arguments: bytes, context: ToolContext) -> bytes:
        """Validate ``arguments`` (a JSON object), run the function, and encode what it returns.

        Raises:
            InvalidParams: an argument is missing, unknown or of the wrong type.
            DynogateError: what the function itself raises.
        """
        output = await self.handler(context, **vars(self.read_arguments(arguments)))
        # The serializer itself: model_dump_json takes longer to get to it than it works.
        structured = output.__pydantic_serializer__.to_json(output)
        if self.rich:
            return content_result(cast(RichOutput, output).blocks(), structured)
        return tool_result(output.text(), structured)

    def read_arguments(self, arguments: bytes) -> Arguments:
        """The validated arguments.

        Raises:
            InvalidParams: names each argument at fault and what was expected.
        """
        try:
            # The validator itself: model_validate_json takes as long again to get to it.
            return cast(Arguments, self.arguments.__pydantic_validator__.validate_json(arguments))
        except ValidationError as error:
            raise self._invalid(error) from None

    def input_schema(self) -> dict[str, Any]:
        """The JSON Schema of the arguments."""
        return {**_schema_of(self.arguments, "validation"), **self.schema}

    def listing(self) -> dict[str, object]:
        """The tool's entry in ``tools/list``."""
        return {
            "name": self.name,
            "description": self.description,
            "inputSchema": self.input_schema(),
            "outputSchema": _schema_of(self.output, "serialization"),
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
        if self._is_secret(found["loc"]):
            return f"argument {argument!r}: {found['msg']}"
        got = msgspec.json.encode(found["input"], enc_hook=str).decode("utf-8", "replace")
        shown = got if len(got) <= 80 else got[:77] + "..."
        return f"argument {argument!r}: {found['msg']} (got {shown})"

    def _is_secret(self, place: Sequence[str | int]) -> bool:
        """Whether the argument at ``place`` is marked ``writeOnly``: it is never told again."""
        info = self.arguments.model_fields.get(str(place[0])) if place else None
        extra = info.json_schema_extra if info is not None else None
        return isinstance(extra, dict) and extra.get("writeOnly") is True

    def _expected(self, argument: str) -> str:
        info = self.arguments.model_fields.get(argument)
        return (info.description if info else None) or "it is required"


@dataclass(slots=True)
class Toolset:
    """A family of tools; an entry point of the group ``dynogate.toolsets`` names one.

    Beside tools it may declare what clients can read (resources) and start with (prompts).
    """

    family: str
    tools: list[Tool] = field(default_factory=list)
    resources: list[Resource] = field(default_factory=list)
    prompts: list[Prompt] = field(default_factory=list)

    def tool(
        self,
        *,
        scope: Scope,
        annotations: Annotations,
        long_running: bool = False,
        schema: Mapping[str, Any] | None = None,
    ) -> Callable[[Handler], Handler]:
        """Declare an async function as a tool.

        Its name, parameters (annotated, keyword-only after the context), docstring and return
        type become the tool's name, arguments, description and output schema.

        Args:
            scope: what a caller needs to be allowed.
            annotations: hints for clients.
            long_running: it may take longer than a client should wait for.
            schema: JSON Schema keywords that the annotations cannot say (``allOf``, ``if``):
                clients are told them, the function checks them.
        """

        def declare(handler: Handler) -> Handler:
            self.tools.append(
                FunctionTool(
                    name=_name_of(handler),
                    family=self.family,
                    description=inspect.cleandoc(handler.__doc__ or ""),
                    scope=scope,
                    long_running=long_running,
                    annotations=annotations,
                    arguments=_arguments_of(handler),
                    output=_output_of(handler),
                    handler=handler,
                    rich=hasattr(_output_of(handler), "blocks"),
                    schema=schema or {},
                )
            )
            return handler

        return declare

    def resource(
        self,
        uri: str,
        *,
        mime_type: str,
        page: Callable[[ToolContext, str | None], Awaitable[Page]] | None = None,
        marker: Callable[[Services], Hashable] | None = None,
        complete: Mapping[str, Completer] | None = None,
    ) -> Callable[[Reader], Reader]:
        """Declare an async function as the reader of a resource, or of a template's resources.

        Its name and docstring become the resource's; the rest is told at :class:`Resource`.
        """

        def declare(read: Reader) -> Reader:
            self.resources.append(
                Resource(
                    uri=uri,
                    name=_name_of(read),
                    description=inspect.cleandoc(read.__doc__ or ""),
                    mime_type=mime_type,
                    read=read,
                    page=page,
                    marker=marker,
                    complete=complete or {},
                )
            )
            return read

        return declare

    def prompt(
        self, *, complete: Mapping[str, Completer] | None = None
    ) -> Callable[[Writer], Writer]:
        """Declare an async function as a prompt; its keyword-only parameters are strings.

        Its name and docstring become the prompt's; the rest is told at :class:`Prompt`.
        """

        def declare(write: Writer) -> Writer:
            self.prompts.append(
                Prompt(
                    name=_name_of(write),
                    description=inspect.cleandoc(write.__doc__ or ""),
                    arguments=_arguments_of(write),
                    write=write,
                    complete=complete or {},
                )
            )
            return write

        return declare


class Registry:
    """Every tool of this gateway, by name, and every resource and prompt.

    Attributes:
        mirrors: for tools some of whose arguments clients repeat in headers, which.
    """

    def __init__(self, *toolsets: Toolset) -> None:
        self._tools: dict[str, Tool] = {}
        self.mirrors: dict[str, tuple[Mirror, ...]] = {}
        self.resources: dict[str, Resource] = {}
        self.prompts: dict[str, Prompt] = {}
        for toolset in toolsets:
            for tool in toolset.tools:
                self._add(tool)
            for resource in toolset.resources:
                _add_once(self.resources, resource.uri, resource)
            for prompt in toolset.prompts:
                _add_once(self.prompts, prompt.name, prompt)
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
        try:
            mirrored = mirrors(tool.input_schema())
        except ValueError as error:
            raise ConfigurationError(f"tool {tool.name!r}: {error}") from None
        if mirrored:
            self.mirrors[tool.name] = mirrored

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


@lru_cache(maxsize=1024)
def _schema_of(
    model: type[BaseModel], mode: Literal["validation", "serialization"]
) -> dict[str, Any]:
    """The JSON Schema of a model, made once: it takes milliseconds, and is asked for again and
    again while a gateway starts. Not to be changed."""
    return model.model_json_schema(mode=mode)


def _add_once(items: dict[str, T], name: str, item: T) -> None:
    if name in items:
        raise ConfigurationError(f"{name!r} is declared by two toolsets")
    items[name] = item


def _name_of(function: Callable[..., object]) -> str:
    return str(getattr(function, "__name__", function))


def _arguments_of(handler: Callable[..., object]) -> type[Arguments]:
    hints = get_type_hints(handler, include_extras=True)
    fields: dict[str, Any] = {}
    for parameter in list(inspect.signature(handler).parameters.values())[1:]:
        default = ... if parameter.default is inspect.Parameter.empty else parameter.default
        fields[parameter.name] = (hints[parameter.name], default)
    title = "".join(part.title() for part in _name_of(handler).split("_")) + "Arguments"
    return create_model(title, __base__=Arguments, **fields)


def _output_of(handler: Handler) -> type[BaseModel]:
    return cast(type[BaseModel], get_type_hints(handler)["return"])
