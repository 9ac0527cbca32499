"""``tools/list`` and ``tools/call``."""

import msgspec

from dynogate.errors import (
    DynogateError,
    InvalidParams,
    MissingCapability,
    UnknownTool,
)
from dynogate.gateway import Gateway
from dynogate.mcp import tasks
from dynogate.mcp.exchange import Request
from dynogate.mcp.method import Method
from dynogate.tools.dispatch import NOT_THE_TOOL
from dynogate.tools.registry import Tool
from dynogate.wire.results import tool_failure

LIST_TTL_MS = 300_000


def methods(gateway: Gateway) -> list[Method]:
    """Those that are about tools."""
    registry = gateway.registry

    async def list_tools(request: Request) -> bytes:
        gateway.guards.require(request.caller, "tools:read")
        return registry.listing

    async def call(request: Request) -> bytes:
        head = request.message.head
        tool = find(gateway, head.name)
        arguments = head.arguments_object()
        try:
            if tool.long_running and tasks.declares_tasks(request):
                return await tasks.call(gateway, request, tool, arguments, _failed)
            return await gateway.call(
                tool,
                arguments,
                request.caller,
                request.transport,
                progress=request.progress(),
                client=request.client(),
                version=request.version,
                parent=head.meta.trace_parent(),
            )
        except DynogateError as error:
            told = _failed(request, error)
            if told is None:
                raise
            return told

    return [
        Method(name="tools/list", serve=list_tools, ttl_ms=LIST_TTL_MS, cache_scope="public"),
        Method(name="tools/call", serve=call, asks=True),
    ]


def find(gateway: Gateway, name: str | msgspec.UnsetType) -> Tool:
    """The tool that ``tools/call`` names.

    Raises:
        InvalidParams: it names none.
        UnknownTool: there is none of that name.
    """
    if name is msgspec.UNSET:
        raise InvalidParams('tools/call: \'params\' must be {"name": <tool>, "arguments": {...}}')
    tool = gateway.registry.get(name)
    if tool is None:
        raise UnknownTool(f"no tool is called {name[:200]!r}: {gateway.registry.suggest(name)}")
    return tool


def _failed(request: Request, error: DynogateError) -> bytes | None:
    """The result by which a model reads of ``error``; None where the client is to read of it."""
    if isinstance(error, MissingCapability):  # an error of the protocol since 2026-07-28
        return None if request.is_modern else tool_failure(error)
    return None if isinstance(error, NOT_THE_TOOL) else tool_failure(error)
