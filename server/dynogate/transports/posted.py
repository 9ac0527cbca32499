"""One request to ``/mcp``, as both eras get it."""

from dataclasses import dataclass

from dynogate.errors import NotAcceptable
from dynogate.guards.body import Receive
from dynogate.guards.caller import Caller
from dynogate.transports.responses import Send
from dynogate.wire.headers import McpHeaders, accepts

HTTP = "mcp"
"""What this way in is called in metrics and logs."""


@dataclass(frozen=True, slots=True)
class Takes:
    """What of the two kinds of answers a client takes; at least one."""

    json: bool
    events: bool


@dataclass(slots=True)
class Posted:
    """One HTTP request, who sent it, and how it is answered (ASGI)."""

    headers: McpHeaders
    caller: Caller
    receive: Receive
    send: Send

    def takes(self) -> Takes:
        """What kinds of answers the client takes.

        Raises:
            NotAcceptable: none that there are.
        """
        json = accepts(self.headers, "application/json")
        events = accepts(self.headers, "text/event-stream")
        if not (json or events):
            raise NotAcceptable("send Accept: application/json, text/event-stream")
        return Takes(json, events)
