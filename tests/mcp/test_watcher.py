import asyncio
from dataclasses import dataclass
from typing import Any

from dynogate.errors import StoreUnavailable
from dynogate.mcp.watcher import watch_lists
from dynogate.tools.changes import Change, Changes, ListChanged
from dynogate.tools.context import Services
from dynogate.tools.registry import Registry, Toolset


@dataclass
class Shelf:
    """A list that changes, and cannot be read at times."""

    books: int = 0
    closed: bool = False


def marker(services: Services) -> int:
    shelf = services.get(Shelf)
    if shelf.closed:
        raise StoreUnavailable("closed")
    return shelf.books


def gateway(shelf: Shelf, toolset: Toolset) -> Any:
    class Gateway:
        registry = Registry(toolset)
        services = Services(shelf)
        changes = Changes()

    return Gateway()


async def test_a_list_is_announced_when_its_marker_differs() -> None:
    """Not while it cannot be read, nor at the first look."""
    toolset, shelf = Toolset("books"), Shelf()

    @toolset.resource("book://{name}", mime_type="text/plain", marker=marker)
    async def book(ctx: object, *, name: str) -> str:
        """A book."""
        return name

    library = gateway(shelf, toolset)
    news: asyncio.Queue[Change] = asyncio.Queue()
    library.changes.listen(news.put_nowait)
    watching = asyncio.create_task(watch_lists(library, 0.01))
    try:
        await asyncio.sleep(0.05)
        shelf.closed, shelf.books = True, 1
        await asyncio.sleep(0.05)
        assert news.empty()
        shelf.closed = False
        assert await asyncio.wait_for(news.get(), 5) == ListChanged("resources")
        assert news.empty()
    finally:
        watching.cancel()


async def test_without_a_marker_there_is_nothing_to_watch() -> None:
    """Then the watcher ends at once."""
    await asyncio.wait_for(watch_lists(gateway(Shelf(), Toolset("empty"))), 5)
