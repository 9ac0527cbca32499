"""One request of a client, as the methods of MCP see it."""

from collections.abc import Mapping
from typing import Protocol, TypeVar

import msgspec

from dynogate.errors import InvalidParams, MissingCapability
from dynogate.guards.caller import Caller
from dynogate.mcp.session import Session
from dynogate.tools.context import DEAF, Client, Progress, no_progress
from dynogate.tools.inputs import Answer, InputRequest, InputRequired
from dynogate.wire.mcp import LOG_LEVELS, MODERN, LogLevel, Message

T = TypeVar("T")


class Channel(Protocol):
    """How to reach the client while its request is served; a transport has one for each."""

    def notify(self, method: str, params: Mapping[str, object]) -> None:
        """Send a notification; never waits, and may leave it out where the client is slow."""

    async def ask(self, request: InputRequest) -> Answer:
        """Send a request and wait for its answer (legacy era only).

        Raises:
            ToolError: it answered with an error, or not in time.
        """


class NoChannel:
    """Where nothing can reach the client but the answer."""

    def notify(self, method: str, params: Mapping[str, object]) -> None:
        """Leave it out."""

    async def ask(self, request: InputRequest) -> Answer:
        """Refuse."""
        raise MissingCapability(f"the client cannot be sent {request.method} here")


NO_CHANNEL = NoChannel()


class Request(msgspec.Struct):
    """A request, who sent it, and how to reach them.

    Attributes:
        transport: what brought it, for metrics and logs.
        version: the protocol version it is to be served by.
        session: the legacy client's session; None in the modern era.
        answers: to what the client was asked in an earlier round of this request (modern era).
    """

    message: Message
    caller: Caller
    transport: str
    version: str
    channel: Channel = NO_CHANNEL
    session: Session | None = None
    answers: Mapping[str, Answer] = {}

    @property
    def is_modern(self) -> bool:
        """Whether the request stands alone."""
        return self.version == MODERN

    def progress(self) -> Progress:
        """Where a tool reports how far it has come: to the client, where it asked for that."""
        token = self.message.head.meta.progress_token
        if token is msgspec.UNSET:
            return no_progress
        last = float("-inf")

        def report(done: float, total: float | None, message: str) -> None:
            nonlocal last
            if done <= last:  # basic/patterns/progress: the value MUST increase
                return
            last = done
            params: dict[str, object] = {"progressToken": token, "progress": done}
            if total is not None:
                params["total"] = total
            if message:
                params["message"] = message
            self.channel.notify("notifications/progress", params)

        return report

    def client(self) -> Client:
        """The client as a tool talks to it."""
        is_deaf = self.channel is NO_CHANNEL and not self.is_modern
        return DEAF if is_deaf else _Reachable(self)

    @property
    def capabilities(self) -> Mapping[str, object]:
        """What the client said it can do."""
        if self.session is not None:
            return self.session.capabilities
        declared = self.message.head.meta.client_capabilities
        return {} if declared is msgspec.UNSET else declared

    def log_level(self) -> LogLevel | None:
        """Least severity the client wants to be told; None for nothing."""
        if self.session is not None:
            return self.session.log_level
        level = self.message.head.meta.log_level
        return None if level is msgspec.UNSET else level


class _Reachable(Client):
    def __init__(self, request: Request) -> None:
        self._request = request

    def log(self, level: LogLevel, data: object, logger: str | None = None) -> None:
        wanted = self._request.log_level()
        if wanted is None or LOG_LEVELS.index(level) < LOG_LEVELS.index(wanted):
            return
        params: dict[str, object] = {"level": level, "data": data}
        if logger is not None:
            params["logger"] = logger
        self._request.channel.notify("notifications/message", params)

    def can(self, request: InputRequest) -> bool:
        declared = self._request.capabilities
        if request.capability not in declared:
            return False
        return request.method != "elicitation/create" or _takes_forms(declared["elicitation"])

    async def _answers(self, requests: Mapping[str, InputRequest]) -> dict[str, Answer]:
        if not self._request.is_modern:
            ask = self._request.channel.ask
            return {name: await ask(request) for name, request in requests.items()}
        given = self._request.answers
        missing = {name: request for name, request in requests.items() if name not in given}
        if missing:
            raise InputRequired(missing)
        return {name: given[name] for name in requests}


def _takes_forms(elicitation: object) -> bool:
    """Whether what a client declared for ``elicitation`` has forms in it: naming no mode means so.

    Source: MCP 2025-11-25 and later, ``client/elicitation``, "Capabilities".
    """
    if isinstance(elicitation, msgspec.Raw):
        try:
            elicitation = msgspec.json.decode(elicitation)
        except msgspec.DecodeError:
            return False
    return not isinstance(elicitation, dict) or not elicitation or "form" in elicitation


def read_params(request: Request, kind: type[T]) -> T:
    """The params as the method has them.

    Raises:
        InvalidParams: a member is missing or has the wrong type.
    """
    try:
        return msgspec.json.decode(request.message.params, type=kind)
    except (msgspec.DecodeError, RecursionError) as error:
        raise InvalidParams(f"{request.message.method}: 'params': {error}") from None
