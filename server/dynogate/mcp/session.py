"""What a legacy client set up with ``initialize``, and changes with later requests."""

import asyncio
from collections.abc import Callable, Mapping

import msgspec

from dynogate.errors import Busy, InvalidParams, ToolError
from dynogate.mcp.running import Running
from dynogate.tools.inputs import Answer, InputRequest
from dynogate.wire import mcp
from dynogate.wire.mcp import LEGACY, LogLevel, Reply

_MAX_RUNNING = 64
_MAX_ASKED = 16
_MAX_WATCHED = 256
MAX_URI = 2048
"""Characters of the URI of a resource that is watched."""


class Session:
    """One legacy client, whatever transport it uses.

    Attributes:
        version: the protocol version that was agreed on.
        capabilities: what the client said it can do (``elicitation``, ``roots``, ``sampling``).
        log_level: least severity it wants to be told; None for nothing, until it says so.
        watched: URIs of the resources whose updates it wants to be told.
        running: its requests that are being served.
    """

    __slots__ = ("_asked", "_number", "capabilities", "log_level", "running", "version", "watched")

    def __init__(self) -> None:
        self.version = LEGACY[0]
        self.capabilities: Mapping[str, object] = {}
        self.log_level: LogLevel | None = None
        self.watched: set[str] = set()
        self.running = Running(_MAX_RUNNING)
        self._asked: dict[str, asyncio.Future[Reply]] = {}
        self._number = 0

    def watch(self, uri: str) -> None:
        """Tell the client of updates of this resource from now on.

        Raises:
            InvalidParams: the URI is too long.
            Busy: it watches as many as it may.
        """
        if len(uri) > MAX_URI:
            raise InvalidParams(f"a URI has at most {MAX_URI} characters here")
        if len(self.watched) >= _MAX_WATCHED and uri not in self.watched:
            raise Busy(f"{_MAX_WATCHED} resources are watched; unsubscribe first", retry_after=1.0)
        self.watched.add(uri)

    async def ask(
        self, send: Callable[[bytes], None], request: InputRequest, *, timeout_sec: float
    ) -> Answer:
        """Have the client do something and wait for its answer.

        Args:
            send: takes the request's bytes to the client.

        Raises:
            Busy: it has too many questions to answer already.
            ToolError: it answered with an error, or not in time.
        """
        if len(self._asked) >= _MAX_ASKED:
            raise Busy(f"{_MAX_ASKED} questions wait for the client", retry_after=1.0)
        self._number += 1
        request_id = f"dynogate-{self._number}"
        reply: asyncio.Future[Reply] = asyncio.get_running_loop().create_future()
        self._asked[request_id] = reply
        try:
            send(mcp.request(request_id, request.method, request.params))
            return _answer(request.method, await asyncio.wait_for(reply, timeout_sec))
        except TimeoutError:
            raise ToolError(
                f"the client did not answer {request.method} within {timeout_sec:g} s"
            ) from None
        finally:
            del self._asked[request_id]

    def answered(self, reply: Reply) -> None:
        """Take the client's answer to a question; one that nobody waits for is ignored."""
        waiting = self._asked.get(str(reply.id))
        if waiting is not None and not waiting.done():
            waiting.set_result(reply)


class _Refusal(msgspec.Struct):
    code: int = 0
    message: str = ""


def _answer(method: str, reply: Reply) -> Answer:
    try:
        if reply.result is not None:
            return msgspec.json.decode(reply.result, type=Answer)
        refusal = msgspec.json.decode(reply.error or b"{}", type=_Refusal)
    except (msgspec.DecodeError, RecursionError):
        raise ToolError(f"the client's answer to {method} cannot be read") from None
    raise ToolError(f"the client refused {method}: {refusal.message[:200]} ({refusal.code})")
