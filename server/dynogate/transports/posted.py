"""One request to ``/mcp``, as both eras get it."""

from collections.abc import Awaitable, Callable, MutableMapping
from dataclasses import dataclass
from functools import partial
from typing import Any

import msgspec

from dynogate.errors import NotAcceptable
from dynogate.guards.body import Receive
from dynogate.guards.caller import Caller
from dynogate.tools.registry import Registry
from dynogate.transports.presence import Presence
from dynogate.transports.responses import Send
from dynogate.wire.headers import McpHeaders, accepts
from dynogate.wire.mcp import Message

Scope = MutableMapping[str, Any]

HTTP = "mcp"
"""What this way in is called in metrics and logs."""


@dataclass(frozen=True, slots=True)
class Takes:
    """What of the two kinds of answers a client takes; at least one."""

    json: bool
    events: bool


class Posted(msgspec.Struct):
    """One HTTP request, who sent it, and how it is answered (ASGI).

    Attributes:
        identify: looks at the caller's credential again, in the request's ``scope``.
    """

    headers: McpHeaders
    caller: Caller
    receive: Receive
    send: Send
    identify: Callable[[Scope], Awaitable[object]]
    scope: Scope

    def presence(self) -> Presence:
        """The client, where its answer may take some time."""
        return Presence(self.receive, self.send, partial(self.identify, self.scope))

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


def is_quick(message: Message, registry: Registry) -> bool:
    """Whether a request is over before its client could hang up, or be told how far it is."""
    meta = message.head.meta
    if meta.progress_token is not msgspec.UNSET or meta.log_level is not msgspec.UNSET:
        return False
    if message.method != "tools/call":
        return message.method != "subscriptions/listen"
    tool = registry.get(str(message.head.name))
    return tool is None or not tool.long_running
