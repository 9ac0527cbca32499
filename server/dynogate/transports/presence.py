"""A client for as long as it is there, and may be."""

import asyncio
from collections.abc import Awaitable, Callable, MutableMapping
from typing import Any, TypeVar

from dynogate.errors import ClientGone, DynogateError, Unauthenticated
from dynogate.guards.body import Receive
from dynogate.telemetry.logs import get_logger
from dynogate.transports.connected import while_connected
from dynogate.transports.responses import Send

T = TypeVar("T")

log = get_logger(__name__)

LOOK_SEC = 30.0  # how soon a revoked key ends a stream


class Presence:
    """The other end of one HTTP request that may last.

    Args:
        identify: looks at the caller's credential again; raises where it is no longer good.
    """

    def __init__(
        self, receive: Receive, send: Send, identify: Callable[[], Awaitable[object]]
    ) -> None:
        self._receive = receive
        self._send = send
        self._identify = identify
        self._refusal: Unauthenticated | None = None
        self._begun = False

    async def during(self, work: Awaitable[T]) -> T:
        """Do ``work`` as long as the client is there; then cancel it.

        Raises:
            ClientGone: it went away, or was sent away in the middle of its answer.
            Unauthenticated: its credential is no longer good, and nothing was answered yet.
        """
        try:
            return await while_connected(work, self._watch)
        except ClientGone:
            if self._refusal is None:
                raise
            if not self._begun:
                raise self._refusal from None
            await self._send({"type": "http.response.body", "body": b"", "more_body": False})
            raise

    async def send(self, message: MutableMapping[str, Any]) -> None:
        """Send a message of ASGI."""
        self._begun = True
        await self._send(message)

    async def _watch(self) -> MutableMapping[str, Any]:
        """Receive; who may no longer be here counts as gone."""
        received = asyncio.ensure_future(self._receive())
        try:
            while not received.done():
                await asyncio.wait({received}, timeout=LOOK_SEC)
                if not received.done() and not await self._is_welcome():
                    return {"type": "http.disconnect"}
            return received.result()
        finally:
            received.cancel()

    async def _is_welcome(self) -> bool:
        try:
            await self._identify()
        except Unauthenticated as error:
            self._refusal = error
            return False
        except DynogateError as error:
            log.warning("a credential could not be looked at again", problem=error.message)
        return True
