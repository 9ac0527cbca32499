"""The eras of sessions at ``/mcp``: 2025-03-26, 2025-06-18 and 2025-11-25.

Source: MCP 2025-11-25, ``basic/transports``, "Streamable HTTP". A connection that breaks cancels
nothing: the client comes back for its answer with ``Last-Event-ID``. If it doesn't, in good time,
its call is cancelled, as nobody would read the answer.
"""

import asyncio
import time
from collections.abc import Mapping

from dynogate.errors import (
    Busy,
    ClientGone,
    DynogateError,
    InsufficientScope,
    InvalidRequest,
    NotAcceptable,
    Unauthenticated,
)
from dynogate.gateway import Gateway
from dynogate.mcp.exchange import NO_CHANNEL, Channel, Request
from dynogate.mcp.router import Router
from dynogate.tools.inputs import Answer, InputRequest
from dynogate.transports.answering import Answering
from dynogate.transports.at_once import AtOnce
from dynogate.transports.posted import HTTP, Posted, is_quick
from dynogate.transports.responses import error_headers, send_json
from dynogate.transports.sessions import HttpSession, SessionTable
from dynogate.transports.stream import Stream, send_stream
from dynogate.wire import jsonrpc, mcp
from dynogate.wire.jsonrpc import Raw
from dynogate.wire.mcp import Message, Reply

_SWEEP_SEC = 15.0


class SessionChannel:
    """Reaches the client of a session's request through the stream of its answer."""

    def __init__(self, session: HttpSession, stream: Stream, timeout_sec: float) -> None:
        self._session = session
        self._stream = stream
        self._timeout_sec = timeout_sec

    def notify(self, method: str, params: Mapping[str, object]) -> None:
        """Send a notification."""
        self._stream.put(mcp.notification(method, params))

    async def ask(self, request: InputRequest) -> Answer:
        """Send a request and wait for its answer."""
        return await self._session.ask(self._stream.put, request, timeout_sec=self._timeout_sec)


class LegacyEndpoint:
    """Serves the requests of sessions.

    Args:
        worker: the name of this process, with which its sessions' ids begin.
    """

    def __init__(self, gateway: Gateway, router: Router, worker: str) -> None:
        settings = gateway.settings
        self._gateway = gateway
        self._router = router
        self._resume_sec = settings.resume_sec
        self._answer_timeout_sec = settings.client_answer_timeout_sec
        self.sessions = SessionTable(
            worker,
            limit=settings.max_sessions,
            limit_each=settings.max_sessions_per_client,
            idle_sec=settings.session_idle_sec,
        )

    async def run(self) -> None:
        """End idle sessions, and every open stream once the process is about to end."""
        drain = self._gateway.drain
        while not drain.begun:
            try:
                await asyncio.wait_for(drain.wait(), _SWEEP_SEC)
            except TimeoutError:
                self.sessions.sweep()
        self.sessions.hang_up()

    async def post(self, posted: Posted, message: Message | Reply) -> None:
        """Serve a POST.

        Raises:
            DynogateError: what is wrong with it.
        """
        if isinstance(message, Message) and message.method == "initialize":
            await self._initialize(posted, message)
            return
        session = self._session(posted)
        if isinstance(message, Reply):
            session.answered(message)
        elif message.id is not None:
            await self._request(session, posted, message, message.id)
            return
        elif message.method == "notifications/cancelled":
            session.running.cancel(message)
        await send_json(posted.send, 202, b"")

    def _session(self, posted: Posted) -> HttpSession:
        if posted.headers.session is None:
            raise InvalidRequest(
                "the header Mcp-Session-Id is missing: send initialize first, or the version in "
                "_meta (MCP 2026-07-28)"
            )
        return self.sessions.find(posted.headers.session, posted.caller.principal)

    async def _initialize(self, posted: Posted, message: Message) -> None:
        if message.id is None:
            raise InvalidRequest("initialize is a request: send it with an id")
        session = self.sessions.create(posted.caller.principal)
        try:
            request = Request(message, posted.caller, HTTP, session.version, session=session)
            result = await self._router.answer(request)
        except BaseException:
            self.sessions.end(session)
            raise
        told = [(b"mcp-session-id", session.id.encode())]
        await send_json(posted.send, 200, jsonrpc.success(message.id, result), told)

    async def _request(
        self, session: HttpSession, posted: Posted, message: Message, request_id: Raw
    ) -> None:
        takes = posted.takes()
        if takes.json and is_quick(message, self._gateway.registry):
            await self._at_once(session, posted, message, request_id)
            return
        stream = session.new_stream()
        channel: Channel = NO_CHANNEL
        if takes.events:
            channel = SessionChannel(session, stream, self._answer_timeout_sec)
        request = Request(message, posted.caller, HTTP, session.version, channel, session)
        answering = Answering(self._router, request, request_id, stream, _status_of)
        try:
            session.running.add(request_id, answering.task)
        except DynogateError:
            answering.task.cancel()
            session.forget(stream)
            raise
        session.call_begun(stream, answering.task)
        answering.task.add_done_callback(lambda _: self._call_ended(session, stream))
        first = session.priming(stream, 0)
        try:
            if not await answering.deliver(posted, first=first):
                self.sessions.drop(session, stream)
        except (ClientGone, Unauthenticated):
            session.left(stream, self._resume_sec)
            raise

    async def _at_once(
        self, session: HttpSession, posted: Posted, message: Message, request_id: Raw
    ) -> None:
        """Serve a request that is over before its client could hang up."""
        at_once = AtOnce(session, posted, request_id, timeout_sec=self._answer_timeout_sec)
        channel = at_once if posted.takes().events else NO_CHANNEL
        request = Request(message, posted.caller, HTTP, session.version, channel, session)
        session.busy += 1
        try:
            result = await self._router.answer(request)
            await at_once.answer(jsonrpc.success(request_id, result), 200)
        except DynogateError as error:
            body = jsonrpc.failure(request_id, error)
            await at_once.answer(body, _status_of(error), error_headers(error))
        except asyncio.CancelledError:
            await at_once.cancelled()
        finally:
            session.busy -= 1
            session.used = time.monotonic()
            if at_once.stream is not None:
                self.sessions.keep(session, at_once.stream)

    def _call_ended(self, session: HttpSession, stream: Stream) -> None:
        session.call_ended(stream)
        self.sessions.keep(session, stream)

    async def get(self, posted: Posted) -> None:
        """Serve a GET: the general stream, or one that broke off.

        Raises:
            DynogateError: what is wrong with it.
        """
        session = self._session(posted)
        if not posted.takes().events:
            raise NotAcceptable("GET answers with text/event-stream only; accept that")
        if posted.headers.last_event_id is None:
            stream = session.general_stream(self._gateway)
            after = stream.last
            first = session.priming(stream, after)
        else:
            stream, after = session.resumed(posted.headers.last_event_id)
            first = b""
        session.busy += 1
        try:
            presence = posted.presence()
            await presence.during(send_stream(stream, presence.send, after=after, first=first))
        except ClientGone:
            session.left(stream, self._resume_sec)
            raise
        finally:
            session.busy -= 1
            session.used = time.monotonic()

    async def delete(self, posted: Posted) -> None:
        """End a session, as its client asks.

        Raises:
            DynogateError: there is none that this caller could end.
        """
        self.sessions.end(self._session(posted))
        await send_json(posted.send, 204, b"")


def _status_of(error: DynogateError) -> int:
    """The HTTP status of an error that answers a request of a session.

    Nearly always 200: clients of these eras read the body only then, and take 404 for the end of
    the session.
    """
    return error.status if isinstance(error, Busy | Unauthenticated | InsufficientScope) else 200
