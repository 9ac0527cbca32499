"""A quick request of a session, served by the task of its POST.

It has nothing to say but its answer, nearly always, and then needs no task, stream or timer of its
own: plain JSON goes back. Where its tool does tell or ask the client something, the answer becomes
a stream from there on.
"""

import asyncio
from collections.abc import Mapping

from dynogate.tools.inputs import Answer, InputRequest
from dynogate.transports.posted import Posted
from dynogate.transports.responses import Headers, send_json
from dynogate.transports.sessions import HttpSession
from dynogate.transports.stream import Stream, send_stream
from dynogate.wire import mcp
from dynogate.wire.jsonrpc import Raw


class AtOnce:
    """The channel and the answer of one quick request.

    Args:
        timeout_sec: how long the client has to answer a question.

    Attributes:
        stream: what the client is told; None while that is nothing.
    """

    __slots__ = (
        "_posted",
        "_request_id",
        "_sending",
        "_session",
        "_task",
        "_timeout_sec",
        "stream",
    )

    def __init__(
        self, session: HttpSession, posted: Posted, request_id: Raw, *, timeout_sec: float
    ) -> None:
        self.stream: Stream | None = None
        self._session = session
        self._posted = posted
        self._request_id = request_id
        self._timeout_sec = timeout_sec
        self._task = asyncio.current_task()

    def notify(self, method: str, params: Mapping[str, object]) -> None:
        """Send a notification."""
        self._begun().put(mcp.notification(method, params))

    async def ask(self, request: InputRequest) -> Answer:
        """Send a request and wait for its answer."""
        return await self._session.ask(self._begun().put, request, timeout_sec=self._timeout_sec)

    def _begun(self) -> Stream:
        """The stream; from its beginning on, the client can cancel the request."""
        if self.stream is None:
            assert self._task is not None
            self._session.running.add(self._request_id, self._task)
            self.stream = self._session.new_stream()
            first = self._session.priming(self.stream, 0)
            self._sending = asyncio.create_task(
                send_stream(self.stream, self._posted.send, first=first)
            )
        return self.stream

    async def answer(self, body: bytes, status: int, headers: Headers | None = None) -> None:
        """Send the answer, as JSON where nothing was told before."""
        if self.stream is None:
            await send_json(self._posted.send, status, body, headers)
            return
        self.stream.put(body)
        await self._end(self.stream)

    async def cancelled(self) -> None:
        """End without an answer.

        Raises:
            CancelledError: it was not the client that cancelled.
        """
        if self.stream is None or self._task is None:
            raise asyncio.CancelledError
        self._task.uncancel()
        await self._end(self.stream)

    async def _end(self, stream: Stream) -> None:
        self._session.running.answered(self._request_id)
        stream.end()
        await self._sending
