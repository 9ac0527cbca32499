"""``/mcp``: MCP Streamable HTTP, in both eras.

A request that carries its protocol version in ``_meta`` stands alone (2026-07-28); the others
belong to sessions.
"""

import asyncio
import secrets

from dynogate.errors import ClientGone, DynogateError, MethodNotAllowed
from dynogate.gateway import Gateway
from dynogate.guards.body import Receive
from dynogate.mcp.router import Router
from dynogate.transports.legacy import LegacyEndpoint
from dynogate.transports.modern import ModernEndpoint
from dynogate.transports.posted import Posted, Scope
from dynogate.transports.relay import Relay, Relayed
from dynogate.transports.responses import Send, error_headers, send_json, status_of
from dynogate.wire import jsonrpc, mcp
from dynogate.wire.fields import fields_of
from dynogate.wire.headers import McpHeaders, claims_to_stand_alone, read_headers
from dynogate.wire.mcp import MODERN, SUPPORTED, BadMessage, Message, Reply


class StreamableEndpoint:
    """The ASGI application behind ``/mcp``."""

    def __init__(self, gateway: Gateway, router: Router) -> None:
        worker = secrets.token_hex(4)
        self._gateway = gateway
        self._modern = ModernEndpoint(gateway, router)
        self._legacy = LegacyEndpoint(gateway, router, worker)
        run_dir = gateway.settings.run_dir
        self._relay = None if run_dir is None else Relay(run_dir, worker)

    @property
    def sessions(self) -> int:
        """How many sessions this process has."""
        return len(self._legacy.sessions)

    async def run(self) -> None:
        """Do what has to be done beside requests, until cancelled."""
        async with asyncio.TaskGroup() as group:
            group.create_task(self._legacy.run())
            if self._relay is not None:
                group.create_task(self._relay.run(self._relayed))

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Answer one HTTP request."""
        gateway, method = self._gateway, scope["method"]
        message: Message | Reply | None = None
        body: bytes | None = None
        try:
            caller = await gateway.guards.enter(scope)
            fields = fields_of(scope)
            if method == "POST":
                body = await gateway.body.read(fields, receive)
                message = mcp.read_message(body)
            headers = read_headers(fields)
            posted = Posted(headers, caller, receive, send, gateway.guards.identify, scope)
            if isinstance(message, Message):
                message.check_head()
                if claims_to_stand_alone(headers, message):
                    await self._modern.post(posted, message, fields)
                    return
            elif message is None:
                _check_method(method, headers)
            await self._of_session(method, posted, message, body)
        except ClientGone:
            return
        except DynogateError as error:
            await _send_error(send, error, message)

    async def _of_session(
        self, method: str, posted: Posted, message: Message | Reply | None, body: bytes | None
    ) -> None:
        """Serve a request of a session, where that session lives."""
        owner = self._relay and self._relay.owner(posted.headers.session)
        if self._relay is not None and owner:
            call = Relayed(method, posted.headers, posted.caller, body)
            presence = posted.presence()
            await presence.during(self._relay.hand_on(owner, call, presence.send))
        elif message is not None:
            await self._legacy.post(posted, message)
        elif method == "GET":
            await self._legacy.get(posted)
        else:
            await self._legacy.delete(posted)

    async def _relayed(self, call: Relayed, receive: Receive, send: Send) -> None:
        """Serve what another process handed on, and has looked at."""
        message = None if call.body is None else mcp.read_message(call.body)
        if isinstance(message, Message):
            message.check_head()
        try:
            self._gateway.drain.enter()
            try:
                posted = Posted(call.headers, call.caller, receive, send, _looked_at, {})
                await self._of_session(call.method, posted, message, call.body)
            finally:
                self._gateway.drain.leave()
        except ClientGone:
            return
        except DynogateError as error:
            await _send_error(send, error, message)


def _check_method(method: str, headers: McpHeaders) -> None:
    """See that a request without a body is one of those there are."""
    version = headers.version
    if version is not None and version not in SUPPORTED:
        raise mcp.unsupported(version)
    is_of_session = headers.session is not None and version != MODERN
    if not is_of_session or method not in ("GET", "DELETE"):
        raise MethodNotAllowed(
            f"/mcp takes no {method} outside of a session", allowed=("GET", "POST", "DELETE")
        )


async def _looked_at(scope: Scope) -> None:
    """The process that a client is connected to keeps looking at its credential."""


async def _send_error(
    send: Send, error: DynogateError, message: Message | Reply | None = None
) -> None:
    """Answer with ``error``, to the request it is about where that could be read."""
    request_id = error.request_id if isinstance(error, BadMessage) else None
    if isinstance(message, Message):
        request_id = message.id
    body = jsonrpc.failure(request_id or jsonrpc.NULL_ID, error)
    await send_json(send, status_of(error), body, error_headers(error))
