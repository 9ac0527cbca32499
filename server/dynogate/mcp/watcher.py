"""Notices changes that no code of this process announced, such as those of another process."""

import asyncio
from collections.abc import Callable, Hashable

from dynogate.errors import DynogateError
from dynogate.gateway import Gateway
from dynogate.tools.changes import ListChanged
from dynogate.tools.context import Services

INTERVAL_SEC = 2.0


async def watch_lists(gateway: Gateway, interval_sec: float = INTERVAL_SEC) -> None:
    """Compare the markers of resources every ``interval_sec``; announce when one differs.

    Ends only by being cancelled, or where nothing has a marker. While the store does not answer,
    nothing is announced.
    """
    markers = [r.marker for r in gateway.registry.resources.values() if r.marker is not None]
    seen: list[object] | None = None
    while markers:
        try:
            now = await asyncio.to_thread(_read, markers, gateway.services)
        except DynogateError:
            now = seen
        if seen is not None and now != seen:
            gateway.changes.announce(ListChanged("resources"))
        seen = now
        await asyncio.sleep(interval_sec)


def _read(markers: list[Callable[[Services], Hashable]], services: Services) -> list[object] | None:
    return [marker(services) for marker in markers]
