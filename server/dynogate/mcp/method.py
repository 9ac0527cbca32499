"""One method of MCP: its name, what serves it, and in which eras."""

from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from typing import Literal

from dynogate.mcp.exchange import Request


class Whole(bytes):
    """A result that has all that its era asks for; a plain one gets it from the router."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Method:
    """How requests of one name are served.

    Attributes:
        serve: gives the result as JSON.
        modern: whether a request that stands alone may ask for it.
        legacy: whether a session may ask for it.
        ttl_ms: how long a client may keep the result; None where it may not.
        cache_scope: who may share a kept result.
        asks: whether the client may be asked something before there is a result.
    """

    name: str
    serve: Callable[[Request], Awaitable[bytes]]
    modern: bool = True
    legacy: bool = True
    ttl_ms: int | None = None
    cache_scope: Literal["public", "private"] = "private"
    asks: bool = False
