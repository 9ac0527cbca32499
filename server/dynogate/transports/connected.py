"""Work that is worth doing only while its client is there."""

import asyncio
from collections.abc import Awaitable
from typing import TypeVar

from dynogate.errors import ClientGone
from dynogate.guards.body import Receive

T = TypeVar("T")


async def while_connected(work: Awaitable[T], receive: Receive) -> T:
    """Do ``work`` unless the client goes away first; then cancel it.

    Raises:
        ClientGone: the client closed the connection.
    """
    task = asyncio.ensure_future(work)
    watch = asyncio.ensure_future(disconnected(receive))
    try:
        await asyncio.wait({task, watch}, return_when=asyncio.FIRST_COMPLETED)
        if task.done():
            return task.result()
        raise ClientGone("the client went away; its call was cancelled")
    finally:
        for each in (task, watch):
            each.cancel()
        await asyncio.gather(task, watch, return_exceptions=True)


async def disconnected(receive: Receive) -> None:
    """Wait until the client has closed the connection."""
    while (await receive())["type"] != "http.disconnect":
        continue
