"""News of what changed, from whoever changed it to whoever wants to know."""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Literal

ListName = Literal["tools", "prompts", "resources"]


@dataclass(frozen=True, slots=True)
class ListChanged:
    """A list has other members than before."""

    name: ListName


@dataclass(frozen=True, slots=True)
class ResourceUpdated:
    """A resource has other contents than before."""

    uri: str


Change = ListChanged | ResourceUpdated


class Changes:
    """Hands on news within this process; belongs to one event loop."""

    def __init__(self) -> None:
        self._listeners: set[Callable[[Change], None]] = set()

    def announce(self, change: Change) -> None:
        """Tell everyone who listens now."""
        for listener in list(self._listeners):
            listener(change)

    def listen(self, listener: Callable[[Change], None]) -> Callable[[], None]:
        """Have ``listener`` called with every change from now on; gives what ends that."""
        self._listeners.add(listener)
        return lambda: self._listeners.discard(listener)
