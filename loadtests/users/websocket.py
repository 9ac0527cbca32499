"""Users that keep a WebSocket open and have several calls under way on it."""

import time
from functools import partial
from typing import Any
from urllib.parse import urlsplit, urlunsplit

import gevent
import msgspec
from gevent.pool import Group
from locust import User, between, task

from dynogate.load.calls import CLIENT, LEGACY, Call, cheap_tools
from dynogate.load.replies import judge_message
from dynogate.load.samples import PUSHED_BACK, Outcome
from loadtests import arrivals
from loadtests.options import credentials
from loadtests.users.socket import FAILURES, Socket, SocketClosed

_BACKOFF_SEC = (0.1, 0.5, 2.0, 5.0)
_TIMEOUT_SEC = 60.0


class _Tools(msgspec.Struct, frozen=True):
    tools: list[dict[str, Any]] = []


class _Listed(msgspec.Struct):
    result: _Tools = _Tools()


class WebSocketMCPUser(User):
    """One connection, a few calls at a time; a lost connection is opened anew.

    Connecting, each round trip and the first progress of a call are entries of their own.
    """

    weight = 3
    at_a_time = 4

    @staticmethod
    def unsuited(host: str, headers: dict[str, str]) -> str | None:
        """Why these users cannot call ``host``, or None where they can."""
        try:
            Socket(_socket_url(host), headers).close()
        except FAILURES as error:
            return f"no WebSocket at {_socket_url(host)} ({error})"
        return None

    def on_start(self) -> None:
        """Take the schedule if there is one."""
        self.arrivals = arrivals.of(self.environment)
        self.socket: Socket | None = None
        self.tool = ""
        self.failures_in_a_row = 0
        self.calls = Group()

    def on_stop(self) -> None:
        """Give up what is under way, and close the connection politely."""
        self.calls.kill()
        if self.socket is not None:
            self.socket.close()

    def wait_time(self) -> float:
        """Time to think, in seconds; with a schedule there is none."""
        if self.arrivals.are_scheduled:
            return 0.0
        seconds: float = between(0.1, 0.5)(self)
        return seconds

    @task
    def call_tool(self) -> None:
        """A few calls at once, each answered when it is done."""
        socket = self.connected()
        if socket is None or not self.knows_a_tool(socket):
            return
        for _ in range(self.at_a_time):
            late = self.arrivals.wait()
            self.calls.spawn(self.call, socket, Call(self.tool), late)
        self.calls.join()

    def knows_a_tool(self, socket: Socket) -> bool:
        """Whether the server lists a tool that can be called; asked once."""
        if not self.tool:
            start = time.perf_counter()
            try:
                _, answer = socket.call("tools/list", {}, _TIMEOUT_SEC)
                listed = msgspec.json.decode(answer, type=_Listed).result.tools
                self.tool = cheap_tools(listed)[0]
            except (SocketClosed, TimeoutError, msgspec.DecodeError, IndexError) as error:
                self.count("tools/list", _ms_since(start), 0, error)
                gevent.sleep(_BACKOFF_SEC[-1])
        return bool(self.tool)

    def call(self, socket: Socket, call: Call, late: float) -> None:
        """One round trip, judged and counted; ``late`` seconds of waiting belong to it."""
        start = time.perf_counter() - late
        params = {"name": call.tool, "arguments": call.arguments}
        progress = partial(self.count_progress, call.tool, start)
        try:
            number, answer = socket.call("tools/call", params, _TIMEOUT_SEC, progress)
        except (SocketClosed, TimeoutError) as error:
            self.count(call.tool, _ms_since(start), 0, error)
            return
        elapsed = _ms_since(start)
        verdict = judge_message(answer, number)
        name = call.tool
        if verdict.outcome in PUSHED_BACK:
            name += f" [{verdict.outcome.name.lower()}]"
        failed = verdict.outcome is not Outcome.OK and verdict.outcome not in PUSHED_BACK
        why = ConnectionError(f"{verdict.outcome.name}: {verdict.why}") if failed else None
        self.count(name, elapsed, len(answer), why)

    def connected(self) -> Socket | None:
        """The open connection; None where it could not be opened, after a pause."""
        if self.socket is not None and self.socket.is_open:
            return self.socket
        start = time.perf_counter()
        try:
            socket = Socket(_socket_url(self.host or ""), credentials(self.environment))
            params = {"protocolVersion": LEGACY, "capabilities": {}, "clientInfo": CLIENT}
            socket.call("initialize", params, _TIMEOUT_SEC)
            socket.send({"jsonrpc": "2.0", "method": "notifications/initialized"})
        except (*FAILURES, TimeoutError) as error:
            self.count("connect", _ms_since(start), 0, error)
            gevent.sleep(_BACKOFF_SEC[min(self.failures_in_a_row, len(_BACKOFF_SEC) - 1)])
            self.failures_in_a_row += 1
            return None
        self.count("connect", _ms_since(start), 0, None)
        self.failures_in_a_row = 0
        self.socket = socket
        return socket

    def count_progress(self, tool: str, start: float) -> None:
        """Note that a call told how far it has come."""
        self.count(f"{tool}: progress", _ms_since(start), 0, None)

    def count(self, name: str, ms: float, length: int, error: Exception | None) -> None:
        """One entry in Locust's statistics."""
        self.environment.events.request.fire(
            request_type="ws",
            name=name,
            response_time=ms,
            response_length=length,
            exception=error,
            context=self.context(),
        )


def _socket_url(host: str) -> str:
    parts = urlsplit(host)
    scheme = "wss" if parts.scheme == "https" else "ws"
    return urlunsplit((scheme, parts.netloc, "/ws", "", ""))


def _ms_since(start: float) -> float:
    return (time.perf_counter() - start) * 1000
