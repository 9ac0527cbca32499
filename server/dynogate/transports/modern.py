"""The era of requests that stand alone at ``/mcp``: 2026-07-28.

Source: MCP 2026-07-28, ``basic/transports/streamable-http``. Hanging up cancels.
"""

from dynogate.errors import NotAcceptable
from dynogate.gateway import Gateway
from dynogate.mcp.exchange import Request
from dynogate.mcp.router import Router
from dynogate.transports.answering import Answering, StreamChannel
from dynogate.transports.posted import HTTP, Posted, is_quick
from dynogate.transports.responses import send_json, status_of
from dynogate.transports.stream import Stream
from dynogate.wire import jsonrpc
from dynogate.wire.fields import Fields
from dynogate.wire.headers import check_alone, check_mirrors
from dynogate.wire.jsonrpc import Raw
from dynogate.wire.mcp import MODERN, Message


class ModernEndpoint:
    """Serves requests that stand alone."""

    def __init__(self, gateway: Gateway, router: Router) -> None:
        self._gateway = gateway
        self._router = router

    async def post(self, posted: Posted, message: Message, fields: Fields) -> None:
        """Serve a POST.

        Args:
            fields: all header fields of it.

        Raises:
            DynogateError: what is wrong with it.
        """
        if message.id is None:  # this era has none over HTTP; one that comes asks for nothing
            await send_json(posted.send, 202, b"")
            return
        check_alone(posted.headers, message)
        if self._gateway.registry.mirrors:
            self._check_mirrors(message, fields)
        request = Request(message, posted.caller, HTTP, MODERN)
        if is_quick(message, self._gateway.registry):
            result = await self._router.answer(request)
            await send_json(posted.send, 200, jsonrpc.success(message.id, result))
        else:
            await self._told(posted, request, message.id)

    async def _told(self, posted: Posted, request: Request, request_id: Raw) -> None:
        """Serve a request whose client may be told things first, or may hang up."""
        takes = posted.takes()
        if request.message.method == "subscriptions/listen" and not takes.events:
            raise NotAcceptable("subscriptions/listen answers with text/event-stream only")
        stream = Stream()
        if takes.events:
            request.channel = StreamChannel(stream)
        answering = Answering(self._router, request, request_id, stream, status_of)
        try:
            await answering.deliver(posted)
        finally:
            answering.task.cancel()

    def _check_mirrors(self, message: Message, fields: Fields) -> None:
        """See that headers that repeat arguments say what the arguments say."""
        if message.method == "tools/call":
            found = self._gateway.registry.mirrors.get(str(message.head.name))
            if found:
                check_mirrors(found, fields, message.head.arguments_object())
