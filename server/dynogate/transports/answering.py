"""A request of MCP over HTTP that is served while its client may be told things."""

import asyncio
from collections.abc import Mapping
from dataclasses import dataclass

from dynogate.errors import DynogateError, NotAcceptable
from dynogate.mcp.exchange import NO_CHANNEL, Request
from dynogate.mcp.router import Router
from dynogate.tools.inputs import Answer, InputRequest
from dynogate.transports.responses import Headers, Send, error_headers, send_json, status_of
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


@dataclass(frozen=True, slots=True)
class Takes:
    """What of the two kinds of answers a client takes.

    Raises:
        NotAcceptable: neither.
    """

    json: bool
    events: bool

    def __post_init__(self) -> None:
        if not (self.json or self.events):
            raise NotAcceptable("send Accept: application/json, text/event-stream")


class Answering:
    """A request as a task of its own, whose answer ends ``stream``.

    Attributes:
        task: ends with the stream; never fails.
        status: the HTTP status that the answer has where it is plain JSON.
        headers: the same for further headers.
    """

    def __init__(self, router: Router, request: Request, request_id: Raw, stream: Stream) -> None:
        self.stream = stream
        self.status = 200
        self.headers: Headers = []
        self._answer_alone: bytes | None = None
        self.task = asyncio.create_task(self._answer(router, request, request_id))

    async def _answer(self, router: Router, request: Request, request_id: Raw) -> None:
        try:
            answer = jsonrpc.success(request_id, await router.answer(request))
        except DynogateError as error:
            self.status, self.headers = status_of(error), error_headers(error)
            answer = jsonrpc.failure(request_id, error)
        except asyncio.CancelledError:  # no answer: nobody waits for one
            self.stream.end()
            raise
        self._answer_alone = answer if self.stream.last == 0 else None
        self.stream.put(answer)
        self.stream.end()

    async def deliver(
        self,
        send: Send,
        takes: Takes,
        *,
        first: bytes = b"",
        headers: Headers | None = None,
    ) -> int:
        """Send the answer, as plain JSON where it is quick and alone; gives the HTTP status.

        Args:
            first: an event that a stream begins with.
            headers: sent in either case.
        """
        stream = self.stream
        if takes.json:
            await stream.more(0, _PATIENCE_SEC if takes.events else None)
            if self._answer_alone is not None:
                more = [*self.headers, *(headers or [])]
                await send_json(send, self.status, self._answer_alone, more)
                return self.status
        await send_stream(stream, send, first=first, headers=headers)
        return 200
