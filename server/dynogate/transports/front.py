"""The way from the server to an endpoint."""

from collections.abc import Mapping
from typing import Any

from starlette.applications import Starlette
from starlette.types import ASGIApp, Receive, Scope, Send


class Front(Starlette):
    """Starlette, with a short cut for the POSTs that carry calls.

    Its middleware and router take longer than all of our guards, so the short cut goes around
    them: what has to see every call belongs into the endpoints.

    Args:
        short_cuts: ASGI applications by path. They are routes as well, for other methods (405).
        options: Starlette's.
    """

    def __init__(self, short_cuts: Mapping[str, ASGIApp], **options: Any) -> None:
        super().__init__(**options)
        self._short_cuts = dict(short_cuts)

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Serve one connection (ASGI)."""
        if scope["type"] == "http" and scope["method"] == "POST":
            endpoint = self._short_cuts.get(scope["path"])
            if endpoint is not None:
                await endpoint(scope, receive, send)
                return
        await super().__call__(scope, receive, send)
