"""``/mcp``: MCP Streamable HTTP, in both eras.

A request that carries its protocol version in ``_meta`` stands alone (2026-07-28); the others
belong to sessions.
"""

from collections.abc import MutableMapping
from typing import Any

from dynogate.errors import ClientGone, DynogateError, MethodNotAllowed
from dynogate.gateway import Gateway
from dynogate.guards.body import Receive
from dynogate.guards.caller import Caller
from dynogate.mcp.router import Router
from dynogate.transports.legacy import LegacyEndpoint
from dynogate.transports.modern import ModernEndpoint
from dynogate.transports.posted import Posted
from dynogate.transports.responses import Send, error_headers, send_json, status_of
from dynogate.wire import jsonrpc, mcp
from dynogate.wire.headers import claims_to_stand_alone, read_headers
from dynogate.wire.mcp import MODERN, SUPPORTED, BadMessage, Message

Scope = MutableMapping[str, Any]


class StreamableEndpoint:
    """The ASGI application behind ``/mcp``."""

    def __init__(self, gateway: Gateway, router: Router) -> None:
        self._gateway = gateway
        self._modern = ModernEndpoint(gateway, router)
        self._legacy = LegacyEndpoint(gateway, router)

    @property
    def sessions(self) -> int:
        """How many sessions this process has."""
        return len(self._legacy.sessions)

    async def run(self) -> None:
        """Do what has to be done beside requests, until the process is about to end."""
        await self._legacy.run()

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Answer one HTTP request."""
        try:
            caller = await self._gateway.identify(scope)
            if scope["method"] == "POST":
                await self._post(scope, caller, receive, send)
            else:
                await self._other(scope, caller, receive, send)
        except ClientGone:
            return
        except DynogateError as error:
            request_id = error.request_id if isinstance(error, BadMessage) else jsonrpc.NULL_ID
            await _send_error(send, request_id, error)

    async def _post(self, scope: Scope, caller: Caller, receive: Receive, send: Send) -> None:
        body = await self._gateway.body.read(scope["headers"], receive)
        message = mcp.read_message(body)
        try:
            posted = Posted(read_headers(scope["headers"]), caller, receive, send)
            if isinstance(message, Message):
                message.read_head()
                if claims_to_stand_alone(posted.headers, message):
                    await self._modern.post(posted, message)
                    return
            await self._legacy.post(posted, message)
        except ClientGone:
            raise
        except DynogateError as error:
            request_id = message.id if isinstance(message, Message) else None
            await _send_error(send, request_id or jsonrpc.NULL_ID, error)

    async def _other(self, scope: Scope, caller: Caller, receive: Receive, send: Send) -> None:
        posted = Posted(read_headers(scope["headers"]), caller, receive, send)
        version = posted.headers.version
        if version is not None and version not in SUPPORTED:
            raise mcp.unsupported(version)
        of_session = posted.headers.session is not None and version != MODERN
        if of_session and scope["method"] == "GET":
            await self._legacy.get(posted)
        elif of_session and scope["method"] == "DELETE":
            await self._legacy.delete(posted)
        else:
            raise MethodNotAllowed(
                f"/mcp takes no {scope['method']} outside of a session",
                allowed=("GET", "POST", "DELETE"),
            )


async def _send_error(send: Send, request_id: jsonrpc.Raw, error: DynogateError) -> None:
    body = jsonrpc.failure(request_id, error)
    await send_json(send, status_of(error), body, error_headers(error))
