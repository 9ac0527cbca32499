"""The way from the server to an endpoint."""

from collections.abc import Mapping
from typing import Any

from starlette.applications import Starlette
from starlette.types import ASGIApp, Receive, Scope, Send

from dynogate.transports.reception import Reception


class Front(Starlette):
    """Starlette, with a reception before it and short cuts for POSTs and WebSockets with calls.

    Its middleware and router take longer than all of our guards, so the short cut goes around
    them: what has to see every request belongs into the reception.

    Args:
        reception: sees every request first.
        short_cuts: ASGI applications by path. They are routes as well, for other methods (405).
        sockets: ASGI applications for WebSockets, by path.
        options: Starlette's.
    """

    def __init__(
        self,
        reception: Reception,
        short_cuts: Mapping[str, ASGIApp],
        sockets: Mapping[str, ASGIApp] | None = None,
        **options: Any,
    ) -> None:
        super().__init__(**options)
        self._reception = reception
        self._short_cuts = dict(short_cuts)
        self._sockets = dict(sockets or {})

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Serve one connection (ASGI)."""
        if scope["type"] == "lifespan":
            await super().__call__(scope, receive, send)
            return
        endpoint = None
        if scope["type"] == "http" and scope["method"] == "POST":
            endpoint = self._short_cuts.get(scope["path"])
        elif scope["type"] == "websocket":
            endpoint = self._sockets.get(scope["path"])
        await self._reception.receive(endpoint or super().__call__, scope, receive, send)
