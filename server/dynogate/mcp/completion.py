"""``completion/complete``: what an argument that somebody is typing may become.

Source: MCP, ``server/utilities/completion``.
"""

from collections.abc import Mapping

import msgspec

from dynogate.errors import InvalidParams
from dynogate.gateway import Gateway
from dynogate.mcp import prompts
from dynogate.mcp.exchange import Request, read_params
from dynogate.mcp.method import Method
from dynogate.tools.resources import Completer
from dynogate.wire.mcp import encode

_MAX_VALUES = 100  # as the specification has it


class _PromptRef(msgspec.Struct, tag_field="type", tag="ref/prompt"):
    name: str


class _ResourceRef(msgspec.Struct, tag_field="type", tag="ref/resource"):
    uri: str


class _Argument(msgspec.Struct):
    name: str
    value: str


class _Context(msgspec.Struct, frozen=True):
    arguments: dict[str, str] = {}


class _Complete(msgspec.Struct):
    ref: _PromptRef | _ResourceRef
    argument: _Argument
    context: _Context = _Context()


def methods(gateway: Gateway) -> list[Method]:
    """The one method; none where there is nothing to complete."""
    if not gateway.registry.resources and not gateway.registry.prompts:
        return []

    async def complete(request: Request) -> bytes:
        gateway.guards.require(request.caller, "tools:read")
        asked = read_params(request, _Complete)
        completer = _completers(gateway, asked.ref).get(asked.argument.name)
        values: list[str] = []
        if completer is not None:
            context = gateway.context(request.caller)
            values = await completer(context, asked.argument.value, asked.context.arguments)
        return encode(
            {
                "completion": {
                    "values": values[:_MAX_VALUES],
                    "total": len(values),
                    "hasMore": len(values) > _MAX_VALUES,
                }
            }
        )

    return [Method(name="completion/complete", serve=complete)]


def _completers(gateway: Gateway, ref: _PromptRef | _ResourceRef) -> Mapping[str, Completer]:
    if isinstance(ref, _PromptRef):
        return prompts.find(gateway, ref.name).complete
    resource = gateway.registry.resources.get(ref.uri)
    if resource is None:
        raise InvalidParams(f"there is no resource or template {ref.uri[:200]!r}")
    return resource.complete
