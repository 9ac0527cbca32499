"""``resources/*``: what clients can read, and what of it they are told to have changed.

Source: MCP, ``server/resources``.
"""

import base64

import msgspec

from dynogate.errors import InvalidParams, UnknownResource, UnknownResourceBefore2026
from dynogate.gateway import Gateway
from dynogate.mcp.exchange import Request, read_params
from dynogate.mcp.method import Method
from dynogate.mcp.server import session_of
from dynogate.tools.resources import Resource
from dynogate.wire.mcp import encode

LIST_TTL_MS = 60_000
READ_TTL_MS = 60_000


class _Page(msgspec.Struct):
    cursor: str | None = None


class _Named(msgspec.Struct):
    uri: str


def methods(gateway: Gateway) -> list[Method]:
    """Those that are about resources; none where no toolset has any."""
    if not gateway.registry.resources:
        return []
    everything = list(gateway.registry.resources.values())
    templates = encode({"resourceTemplates": [_template(r) for r in everything if r.is_template]})
    catalogue = _Catalogue(gateway)

    async def list_resources(request: Request) -> bytes:
        gateway.guards.require(request.caller, "tools:read")
        return await catalogue.page(request, read_params(request, _Page).cursor)

    async def list_templates(request: Request) -> bytes:
        gateway.guards.require(request.caller, "tools:read")
        return templates

    async def read(request: Request) -> bytes:
        gateway.guards.require(request.caller, "tools:read")
        return await _read(gateway, request, read_params(request, _Named).uri)

    async def subscribe(request: Request) -> bytes:
        gateway.guards.require(request.caller, "tools:read")
        uri = read_params(request, _Named).uri
        find(gateway, request, uri)
        session_of(request).watch(uri)
        return b"{}"

    async def unsubscribe(request: Request) -> bytes:
        session_of(request).watched.discard(read_params(request, _Named).uri)
        return b"{}"

    return [
        Method(name="resources/list", serve=list_resources, ttl_ms=LIST_TTL_MS),
        Method(
            name="resources/templates/list",
            serve=list_templates,
            ttl_ms=LIST_TTL_MS,
            cache_scope="public",
        ),
        Method(name="resources/read", serve=read, ttl_ms=READ_TTL_MS, asks=True),
        Method(name="resources/subscribe", serve=subscribe, modern=False),
        Method(name="resources/unsubscribe", serve=unsubscribe, modern=False),
    ]


def find(gateway: Gateway, request: Request, uri: str) -> tuple[Resource, dict[str, str]]:
    """The resource, or the template and its variables, that ``uri`` names.

    Raises:
        UnknownResource: none does.
    """
    named = look_up(gateway, uri)
    if named is None:
        raise not_there(request, uri)
    return named


def look_up(gateway: Gateway, uri: str) -> tuple[Resource, dict[str, str]] | None:
    """The same, or None where nothing is named so."""
    plain = gateway.registry.resources.get(uri)
    if plain is not None and not plain.is_template:
        return plain, {}
    for resource in gateway.registry.resources.values():
        variables = resource.match(uri) if resource.is_template else None
        if variables is not None:
            return resource, variables
    return None


def not_there(request: Request, uri: str) -> UnknownResource:
    """The error for a URI that names nothing."""
    error = UnknownResource if request.is_modern else UnknownResourceBefore2026
    return error(f"there is no resource {uri[:200]!r}", data={"uri": uri[:2000]})


async def _read(gateway: Gateway, request: Request, uri: str) -> bytes:
    resource, variables = find(gateway, request, uri)
    contents = await resource.read(
        gateway.context(request.caller, client=request.client()), **variables
    )
    if contents is None:
        raise not_there(request, uri)
    told: dict[str, str] = {"uri": uri, "mimeType": resource.mime_type}
    if isinstance(contents, str):
        told["text"] = contents
    else:
        told["blob"] = base64.b64encode(contents).decode()
    return encode({"contents": [told]})


def _template(resource: Resource) -> dict[str, str]:
    return {
        "uriTemplate": resource.uri,
        "name": resource.name,
        "description": resource.description,
        "mimeType": resource.mime_type,
    }


class _Catalogue:
    """The list of resources: the plain ones, then page by page what templates stand for.

    A cursor is the place of a template among those that list, a point, and a cursor of its own.
    """

    def __init__(self, gateway: Gateway) -> None:
        everything = list(gateway.registry.resources.values())
        self._gateway = gateway
        self._paged = [(r, r.page) for r in everything if r.is_template and r.page is not None]
        self._plain = [
            {
                "uri": r.uri,
                "name": r.name,
                "description": r.description,
                "mimeType": r.mime_type,
            }
            for r in everything
            if not r.is_template
        ]

    async def page(self, request: Request, cursor: str | None) -> bytes:
        """The page that begins at ``cursor``.

        Raises:
            InvalidParams: there is no such page.
        """
        place, inner = (0, None) if cursor is None else self._place(cursor)
        found = list(self._plain) if cursor is None else []
        answer: dict[str, object] = {"resources": found}
        while place < len(self._paged):
            resource, page_of = self._paged[place]
            page = await page_of(self._gateway.context(request.caller), inner)
            found += [
                {
                    "uri": entry.uri,
                    "name": entry.name,
                    "description": entry.description,
                    "mimeType": resource.mime_type,
                }
                for entry in page.entries
            ]
            if page.next_cursor is not None:
                answer["nextCursor"] = f"{place}.{page.next_cursor}"
                break
            place, inner = place + 1, None
            if page.entries and place < len(self._paged):
                answer["nextCursor"] = f"{place}."
                break
        return encode(answer)

    def _place(self, cursor: str) -> tuple[int, str | None]:
        place, point, inner = cursor.partition(".")
        if not (point and place.isascii() and place.isdigit() and len(place) < 4):
            raise InvalidParams("resources/list: 'cursor' is none that this list gave")
        if int(place) >= len(self._paged):
            raise InvalidParams("resources/list: 'cursor' is none that this list gave")
        return int(place), inner or None
