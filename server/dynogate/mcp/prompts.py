"""``prompts/*``: what people can start with.

Source: MCP, ``server/prompts``.
"""

import msgspec
from pydantic import ValidationError

from dynogate.errors import InvalidParams, UnknownResource
from dynogate.gateway import Gateway
from dynogate.mcp.exchange import Request, read_params
from dynogate.mcp.method import Method
from dynogate.tools.prompts import Prompt
from dynogate.wire.mcp import encode

LIST_TTL_MS = 300_000


class _Get(msgspec.Struct):
    name: str
    arguments: dict[str, str] = {}


def methods(gateway: Gateway) -> list[Method]:
    """Those that are about prompts; none where no toolset has any."""
    prompts = gateway.registry.prompts
    if not prompts:
        return []
    listing = encode({"prompts": [prompt.listing() for prompt in prompts.values()]})

    async def list_prompts(request: Request) -> bytes:
        gateway.guards.require(request.caller, "tools:read")
        return listing

    async def get(request: Request) -> bytes:
        gateway.guards.require(request.caller, "tools:read")
        asked = read_params(request, _Get)
        prompt = find(gateway, asked.name)
        named = _arguments(prompt, asked.arguments)
        context = gateway.context(request.caller, client=request.client())
        messages = await prompt.write(context, **named)
        return encode({"description": prompt.description, "messages": messages})

    return [
        Method(name="prompts/list", serve=list_prompts, ttl_ms=LIST_TTL_MS, cache_scope="public"),
        Method(name="prompts/get", serve=get, asks=True),
    ]


def find(gateway: Gateway, name: str) -> Prompt:
    """The prompt of this name.

    Raises:
        UnknownResource: there is none.
    """
    prompt = gateway.registry.prompts.get(name)
    if prompt is None:
        known = ", ".join(gateway.registry.prompts)
        raise UnknownResource(f"there is no prompt {name[:80]!r}; there are {known}")
    return prompt


def _arguments(prompt: Prompt, given: dict[str, str]) -> dict[str, object]:
    try:
        arguments = prompt.arguments.model_validate(given)
    except ValidationError as error:
        problems = "; ".join(
            f"argument {'.'.join(map(str, found['loc']))!r}: {found['msg']}"
            for found in error.errors(include_url=False)[:5]
        )
        raise InvalidParams(f"prompt {prompt.name}: {problems}") from None
    return {name: getattr(arguments, name) for name in type(arguments).model_fields}
