"""``/mcp``: MCP Streamable HTTP, in both eras.

A request that carries its protocol version in ``_meta`` stands alone and is served here
(2026-07-28); others belong to sessions.
"""

from collections.abc import MutableMapping
from typing import Any

from dynogate.errors import (
    ClientGone,
    DynogateError,
    InvalidRequest,
    MethodNotAllowed,
    NotAcceptable,
)
from dynogate.gateway import Gateway
from dynogate.guards.body import Receive
from dynogate.guards.caller import Caller
from dynogate.mcp.exchange import Request
from dynogate.mcp.router import Router
from dynogate.transports.answering import Answering, StreamChannel, Takes
from dynogate.transports.connected import while_connected
from dynogate.transports.responses import Send, error_headers, send_json, status_of
from dynogate.transports.stream import Stream
from dynogate.wire import jsonrpc, mcp
from dynogate.wire.headers import (
    McpHeaders,
    accepts,
    check_alone,
    check_mirrors,
    claims_to_stand_alone,
    read_headers,
)
from dynogate.wire.jsonrpc import Raw
from dynogate.wire.mcp import MODERN, Message

TRANSPORT = "mcp"
Scope = MutableMapping[str, Any]


class StreamableEndpoint:
    """The ASGI application behind ``/mcp``."""

    def __init__(self, gateway: Gateway, router: Router) -> None:
        self._gateway = gateway
        self._router = router

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Answer one HTTP request."""
        try:
            await self._serve(scope, receive, send)
        except ClientGone:
            return
        except DynogateError as error:
            await send_error(send, getattr(error, "request_id", jsonrpc.NULL_ID), error)

    async def _serve(self, scope: Scope, receive: Receive, send: Send) -> int:
        gateway = self._gateway
        caller = await gateway.identify(scope)
        if scope["method"] != "POST":
            raise MethodNotAllowed(
                f"/mcp takes no {scope['method']}; send requests by POST", allowed=("POST",)
            )
        body = await gateway.body.read(scope["headers"], receive)
        message = mcp.read_message(body)
        if not isinstance(message, Message):
            raise InvalidRequest("answers are taken in a session only")
        if message.id is None:
            await send_json(send, 202, b"")
            return 202
        try:
            headers = read_headers(scope["headers"])
            message.read_head()
            if not claims_to_stand_alone(headers, message):
                raise mcp.unsupported(headers.version or mcp.ASSUMED_VERSION)
            return await self._modern(headers, message, message.id, caller, receive, send)
        except ClientGone:
            raise
        except DynogateError as error:
            return await send_error(send, message.id, error)

    async def _modern(
        self,
        headers: McpHeaders,
        message: Message,
        request_id: Raw,
        caller: Caller,
        receive: Receive,
        send: Send,
    ) -> int:
        check_alone(headers, message)
        self._check_mirrors(headers, message)
        request = Request(message, caller, TRANSPORT, MODERN)
        if self._is_quick(request):
            result = await self._router.answer(request)
            await send_json(send, 200, jsonrpc.success(request_id, result))
            return 200
        takes = takes_of(headers)
        if request.message.method == "subscriptions/listen" and not takes.events:
            raise NotAcceptable("subscriptions/listen answers with text/event-stream only")
        stream = Stream()
        if takes.events:
            request.channel = StreamChannel(stream)
        answering = Answering(self._router, request, request_id, stream)
        try:
            return await while_connected(answering.deliver(send, takes), receive)
        finally:
            answering.task.cancel()

    def _check_mirrors(self, headers: McpHeaders, message: Message) -> None:
        """See that headers that repeat arguments say what the arguments say."""
        mirrored = self._gateway.registry.mirrors
        if mirrored and message.method == "tools/call":
            found = mirrored.get(str(message.head.name))
            if found:
                check_mirrors(found, headers, message.head.arguments_object())

    def _is_quick(self, request: Request) -> bool:
        """Whether the answer is there before a client could hang up or be told anything."""
        message = request.message
        if message.method == "subscriptions/listen" or request.wants_more:
            return False
        if message.method != "tools/call":
            return True
        tool = self._gateway.registry.get(str(message.head.name))
        return tool is None or not tool.long_running


async def send_error(send: Send, request_id: Raw, error: DynogateError) -> int:
    """Answer with ``error``; the HTTP status."""
    status = status_of(error)
    await send_json(send, status, jsonrpc.failure(request_id, error), error_headers(error))
    return status


def takes_of(headers: McpHeaders) -> Takes:
    """What kinds of answers a client takes.

    Raises:
        NotAcceptable: none that there are.
    """
    return Takes(accepts(headers, "application/json"), accepts(headers, "text/event-stream"))
