"""How answers leave over HTTP."""

import math
from collections.abc import Awaitable, Callable, MutableMapping
from typing import Any

from dynogate.errors import (
    Busy,
    DynogateError,
    InsufficientScope,
    InvalidParams,
    MethodNotAllowed,
    RateLimited,
    Unauthenticated,
    Unavailable,
)
from dynogate.guards.caller import ALL_SCOPES

Send = Callable[[MutableMapping[str, Any]], Awaitable[None]]
Headers = list[tuple[bytes, bytes]]


async def send_json(send: Send, status: int, body: bytes, headers: Headers | None = None) -> None:
    """Send ``body`` (JSON, or nothing at all where it is empty)."""
    head: Headers = [(b"content-length", str(len(body)).encode())]
    if body:
        head.append((b"content-type", b"application/json"))
    if headers:
        head += headers
    await send({"type": "http.response.start", "status": status, "headers": head})
    await send({"type": "http.response.body", "body": body})


def status_of(error: DynogateError) -> int:
    """The HTTP status of ``error`` where MCP is spoken.

    That of its class, but that bad params are always 400: 404 with a JSON-RPC error says that a
    method is not there (MCP 2026-07-28, ``basic/transports/streamable-http``).
    """
    return 400 if error.code == InvalidParams.code else error.status


def error_headers(error: DynogateError) -> Headers:
    """What an error says in headers, besides its status.

    ``Retry-After`` in whole seconds where it knows when to come back, and which limit was reached
    (draft-ietf-httpapi-ratelimit-headers-11); ``WWW-Authenticate`` where another credential would
    help (RFC 6750, section 3; RFC 9728, section 5.1); ``Allow`` where another method would
    (RFC 9110, section 15.5.6).
    """
    if isinstance(error, MethodNotAllowed):
        return [(b"allow", ", ".join(error.allowed).encode())]
    if isinstance(error, Busy | Unavailable):
        if error.retry_after is None:
            return []
        seconds = str(max(1, math.ceil(error.retry_after)))
        headers = [(b"retry-after", seconds.encode())]
        if isinstance(error, RateLimited):
            told = f'"{error.policy}";r=0;t={seconds}'
            headers.append((b"ratelimit-policy", error.policies.encode()))
            headers.append((b"ratelimit", told.encode()))
        return headers
    if isinstance(error, Unauthenticated):
        scope = " ".join(sorted(ALL_SCOPES)) if error.resource_metadata else None
        return [
            _challenge(error=error.reason, scope=scope, resource_metadata=error.resource_metadata)
        ]
    if isinstance(error, InsufficientScope):
        return [
            _challenge(
                error="insufficient_scope",
                scope=error.scope,
                resource_metadata=error.resource_metadata,
            )
        ]
    return []


def _challenge(**parameters: str | None) -> tuple[bytes, bytes]:
    told = {"realm": "dynogate", **parameters}
    text = ", ".join(f'{name}="{value}"' for name, value in told.items() if value)
    return b"www-authenticate", f"Bearer {text}".encode()
