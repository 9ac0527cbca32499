"""``POST /mcp/tools/call``: JSON-RPC 2.0 over plain HTTP, single and batch.

``method`` is a tool's name (its arguments are the params, ``_client_id`` may stand beside them)
or ``tools/call`` with ``{name, arguments}``. A failed tool is a JSON-RPC error for a direct name,
and a result with ``isError`` for ``tools/call``, as MCP has it.
"""

from collections.abc import MutableMapping
from typing import Any

import msgspec

from dynogate.errors import (
    ClientGone,
    DynogateError,
    MethodNotFound,
    UnknownTool,
)
from dynogate.gateway import Gateway
from dynogate.guards.body import Receive
from dynogate.guards.caller import Caller
from dynogate.tools.dispatch import NOT_THE_TOOL
from dynogate.tools.registry import Tool
from dynogate.transports.connected import while_connected
from dynogate.transports.responses import Headers, Send, error_headers, send_json
from dynogate.wire import jsonrpc
from dynogate.wire.fields import fields_of
from dynogate.wire.results import tool_failure

TRANSPORT = "rpc"
Message = jsonrpc.Request | jsonrpc.BadRequest


class Answer(msgspec.Struct, frozen=True):
    """One HTTP response: a JSON body (empty for notifications), its status and more headers."""

    status: int
    body: bytes
    headers: Headers


class RpcEndpoint:
    """The ASGI application behind ``POST /mcp/tools/call``."""

    def __init__(self, gateway: Gateway) -> None:
        self._gateway = gateway

    async def __call__(self, scope: MutableMapping[str, Any], receive: Receive, send: Send) -> None:
        """Answer one HTTP request."""
        try:
            answer = await self._answer(scope, receive)
        except ClientGone:
            return
        except DynogateError as error:
            answer = _failed(jsonrpc.NULL_ID, error)
        await send_json(send, answer.status, answer.body, answer.headers)

    async def _answer(self, scope: MutableMapping[str, Any], receive: Receive) -> Answer:
        gateway = self._gateway
        caller = await gateway.guards.enter(scope)
        body = await gateway.body.read(fields_of(scope), receive)
        message = jsonrpc.parse(body, max_batch=gateway.settings.max_batch)
        if isinstance(message, list):
            return await while_connected(self._batch(message, caller), receive)
        if self._is_quick(message):
            return await self._single(message, caller)
        return await while_connected(self._single(message, caller), receive)

    def _is_quick(self, message: Message) -> bool:
        """Whether the call is over before a client could hang up: then nobody needs to watch."""
        if isinstance(message, jsonrpc.BadRequest):
            return True
        tool = self._gateway.registry.get(message.method)
        return tool is not None and not tool.long_running

    async def _batch(self, messages: list[Message], caller: Caller) -> Answer:
        answers = [await self._single(message, caller) for message in messages]
        bodies = [answer.body for answer in answers if answer.body]
        if not bodies:
            return Answer(202, b"", [])
        return Answer(200, jsonrpc.batch(bodies), [])

    async def _single(self, message: Message, caller: Caller) -> Answer:
        if isinstance(message, jsonrpc.BadRequest):
            return _failed(message.id, message.error)
        try:
            result = await self._call(message, caller)
        except DynogateError as error:
            return _failed(message.id, error) if message.id else _accepted()
        return Answer(200, jsonrpc.success(message.id, result), []) if message.id else _accepted()

    async def _call(self, request: jsonrpc.Request, caller: Caller) -> bytes:
        if request.method == "tools/call":
            return await self._call_by_params(request.params, caller)
        tool = self._tool(request.method, MethodNotFound)
        arguments, client_id, _ = jsonrpc.named_arguments(request.params)
        return await self._gateway.call(tool, arguments, caller, TRANSPORT, client_id=client_id)

    async def _call_by_params(self, params: bytes | None, caller: Caller) -> bytes:
        name, arguments = jsonrpc.call_params(params)
        tool = self._tool(name, UnknownTool)
        try:
            return await self._gateway.call(tool, arguments, caller, TRANSPORT)
        except NOT_THE_TOOL:
            raise
        except DynogateError as error:
            return tool_failure(error)

    def _tool(self, name: str, unknown: type[DynogateError]) -> Tool:
        registry = self._gateway.registry
        tool = registry.get(name)
        if tool is None:
            raise unknown(f"no tool is called {name[:200]!r}: {registry.suggest(name)}")
        return tool


def _failed(request_id: jsonrpc.Raw, error: DynogateError) -> Answer:
    return Answer(error.status, jsonrpc.failure(request_id, error), error_headers(error))


def _accepted() -> Answer:
    return Answer(202, b"", [])
