"""What every request passes on its way in and out: its id, the drain, the count and the log."""

import asyncio
import itertools
import os
import re
import time
from collections.abc import Awaitable, Coroutine, Mapping, MutableMapping
from typing import TYPE_CHECKING, Any

from starlette.types import ASGIApp, Receive, Scope

from dynogate.errors import DynogateError, InternalError, ToolCancelled
from dynogate.guards.drain import Drain
from dynogate.telemetry.access import AccessLog
from dynogate.telemetry.logs import get_logger, request_id
from dynogate.telemetry.metrics import Metrics
from dynogate.transports.responses import Send, error_headers, send_json
from dynogate.wire import jsonrpc
from dynogate.wire.fields import Fields, fields_of

if TYPE_CHECKING:
    from dynogate.telemetry.traces import Traces

log = get_logger(__name__)

PROBE = "probe"
_SWITCHED = 101
_REFUSED = 403  # what servers send where a WebSocket is closed before it was opened
_GONE = 499  # nobody was there to answer

_WELL_FORMED = re.compile(rb"[\w.~:/+=-]{1,128}", re.ASCII)
_STATUSES = {status: str(status) for status in range(100, 600)}
_CLOSE = (b"connection", b"close")


class Visit:
    """One request (or WebSocket) while it is served.

    Attributes:
        status: of the answer; None until it has begun.
    """

    __slots__ = ("_drain", "_name", "_send", "status")

    def __init__(self, name: bytes, send: Send, drain: Drain) -> None:
        self._name = name
        self._send = send
        self._drain = drain
        self.status: int | None = None

    def send(self, message: MutableMapping[str, Any]) -> Awaitable[None]:
        """ASGI's ``send``, which writes the request's id into the head of the answer."""
        kind = message["type"]
        if kind in ("http.response.start", "websocket.accept", "websocket.http.response.start"):
            self.status = message.get("status", _SWITCHED)
            headers = [*message.get("headers", ()), (b"x-request-id", self._name)]
            if self._drain.begun and kind == "http.response.start":
                headers.append(_CLOSE)
            message["headers"] = headers
        elif kind == "websocket.close" and self.status is None:
            self.status = _REFUSED
        return self._send(message)


class Reception:
    """Receives every HTTP request and WebSocket of one process.

    Args:
        ways: the ways in, by path; their requests are refused while the process drains. Whatever
            else is asked is a probe, and answered until the end.
        access: writes requests down; None where nothing is.
        traces: makes spans of them; None where nobody wants any.
    """

    def __init__(
        self,
        drain: Drain,
        metrics: Metrics,
        ways: Mapping[str, str],
        *,
        access: AccessLog | None = None,
        traces: "Traces | None" = None,
    ) -> None:
        self._drain = drain
        self._count = metrics.requests
        self._ways = dict(ways)
        self._routes = frozenset({*ways, "/ws"})
        self._access = access
        self._traces = traces
        self._prefix = os.urandom(6).hex().encode()
        self._numbers = itertools.count(1)

    def receive(
        self, app: ASGIApp, scope: Scope, receive: Receive, send: Send
    ) -> Coroutine[Any, Any, None]:
        """Have ``app`` serve one request, and see it out."""
        name = self._name(fields_of(scope))
        request_id.set(name.decode())
        visit = Visit(name, send, self._drain)
        way = self._ways.get(scope["path"], PROBE) if scope["type"] == "http" else "ws"
        if self._traces is None:
            return self._serve(app, scope, receive, visit, way)
        return self._traced(self._traces, app, scope, receive, visit, way)

    async def _traced(
        self, traces: "Traces", app: ASGIApp, scope: Scope, receive: Receive, visit: Visit, way: str
    ) -> None:
        route = scope["path"] if scope["path"] in self._routes else None
        with traces.request(scope, route) as span:
            await self._serve(app, scope, receive, visit, way)
            span.answered(visit.status or _GONE)

    async def _serve(
        self, app: ASGIApp, scope: Scope, receive: Receive, visit: Visit, way: str
    ) -> None:
        began = time.perf_counter()
        entered = False
        try:
            if way is not PROBE:
                self._drain.enter()
                entered = True
            await app(scope, receive, visit.send)
        except DynogateError as error:
            await self._refuse(scope, visit, error)
        except asyncio.CancelledError:
            if visit.status is not None:
                raise
            await self._refuse(scope, visit, ToolCancelled("cancelled: the gateway was stopped"))
        except Exception:
            if visit.status is not None:
                raise  # the server can but cut the connection
            log.exception("request failed", path=scope["path"][:200])
            await self._refuse(scope, visit, InternalError("a fault in the gateway; see its log"))
        finally:
            if entered:
                self._drain.leave()
            status = visit.status or _GONE
            self._count[way, _STATUSES[status]].inc()
            if self._access is not None:
                self._access.tell(scope, way, status, time.perf_counter() - began)

    def _name(self, fields: Fields) -> bytes:
        """What the client calls the request, if that can be written into a log, or a new name."""
        name = fields.get(b"x-request-id")
        if name is not None and _WELL_FORMED.fullmatch(name):
            return name
        return b"%b-%x" % (self._prefix, next(self._numbers))

    async def _refuse(self, scope: Scope, visit: Visit, error: DynogateError) -> None:
        """Answer with an error; a WebSocket that is not open yet, too (ASGI's extension)."""
        body = jsonrpc.failure(jsonrpc.NULL_ID, error)
        if scope["type"] == "http":
            await send_json(visit.send, error.status, body, error_headers(error))
            return
        head = [*error_headers(error), (b"content-type", b"application/json")]
        start = {"type": "websocket.http.response.start", "status": error.status, "headers": head}
        await visit.send(start)
        await visit.send({"type": "websocket.http.response.body", "body": body})
