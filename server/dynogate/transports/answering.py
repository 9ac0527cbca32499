"""A request of MCP over HTTP that is served while its client may be told things."""

import asyncio
from collections.abc import Callable, Mapping

from dynogate.errors import DynogateError
from dynogate.mcp.exchange import NO_CHANNEL, Request
from dynogate.mcp.router import Router
from dynogate.tools.inputs import Answer, InputRequest
from dynogate.transports.posted import Posted
from dynogate.transports.responses import Headers, error_headers, send_json
from dynogate.transports.stream import Stream, send_stream
from dynogate.wire import jsonrpc, mcp
from dynogate.wire.jsonrpc import Raw

_PATIENCE_SEC = 0.5  # a quicker answer is plain JSON; after that a stream begins


class StreamChannel:
    """Reaches the client of a request that stands alone through the stream of its answer."""

    def __init__(self, stream: Stream) -> None:
        self._stream = stream

    def notify(self, method: str, params: Mapping[str, object]) -> None:
        """Send a notification."""
        self._stream.put(mcp.notification(method, params))

    async def ask(self, request: InputRequest) -> Answer:
        """Refuse: nothing can be asked while a request of this era is served."""
        return await NO_CHANNEL.ask(request)


class Answering:
    """A request as a task of its own, whose answer ends ``stream``.

    Args:
        status_of: the HTTP status of an error that is the answer.

    Attributes:
        task: ends with the stream; never fails.
    """

    def __init__(
        self,
        router: Router,
        request: Request,
        request_id: Raw,
        stream: Stream,
        status_of: Callable[[DynogateError], int],
    ) -> None:
        self.stream = stream
        self._status = 200
        self._headers: Headers = []
        self._alone: bytes | None = None
        self._status_of = status_of
        self.task = asyncio.create_task(self._answer(router, request, request_id))

    async def _answer(self, router: Router, request: Request, request_id: Raw) -> None:
        try:
            answer = jsonrpc.success(request_id, await router.answer(request))
        except DynogateError as error:
            self._status, self._headers = self._status_of(error), error_headers(error)
            answer = jsonrpc.failure(request_id, error)
        except asyncio.CancelledError:  # no answer: nobody waits for one
            self.stream.end()
            raise
        self._alone = answer if self.stream.last == 0 else None
        self.stream.put(answer)
        self.stream.end()

    async def deliver(self, posted: Posted, *, first: bytes = b"") -> bool:
        """Send the answer: as plain JSON where it is quick and alone, else as a stream.

        Args:
            first: an event that a stream begins with.

        Returns:
            Whether it was a stream.

        Raises:
            ClientGone: the client hung up. The task goes on.
            Unauthenticated: its credential is no longer good. The task goes on.
        """
        takes, presence = posted.takes(), posted.presence()
        if takes.json:
            await self.stream.more(0, _PATIENCE_SEC)
        if not takes.events:
            await presence.during(self.stream.more(0, None))
        if takes.json and self._alone is not None:
            await send_json(presence.send, self._status, self._alone, self._headers)
            return False
        if takes.events:
            await presence.during(send_stream(self.stream, presence.send, first=first))
            return True
        await send_json(presence.send, 202, b"")  # cancelled
        return False
