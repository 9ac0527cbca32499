"""Tells whoever watches tasks what becomes of them, whichever process runs them."""

import asyncio
from collections.abc import Callable, Iterable

from dynogate.errors import StoreUnavailable
from dynogate.store.tasks import TaskRow, TaskTable

MAX_WATCHED = 10_000
"""Tasks that one process watches at once; it asks the store about all of them at a time."""

Tell = Callable[[TaskRow], None]


class TaskNews:
    """The tasks that somebody connected to this process watches.

    Args:
        poll_sec: how often to ask the store, while there are any.
    """

    def __init__(self, table: TaskTable, *, poll_sec: float) -> None:
        self._table = table
        self._poll_sec = poll_sec
        self._watchers: dict[str, list[Tell]] = {}
        self._seen: dict[str, int] = {}
        self._looking: asyncio.Task[None] | None = None

    @property
    def has_room(self) -> bool:
        """Whether another task can be watched."""
        return len(self._watchers) < MAX_WATCHED

    def watch(self, rows: Iterable[TaskRow], tell: Tell) -> Callable[[], None]:
        """Have ``tell`` called with each of the tasks as it is, and whenever it has changed.

        Returns:
            What ends that.
        """
        watched = list(rows)
        for row in watched:
            self._watchers.setdefault(row.id, []).append(tell)
            self._seen.setdefault(row.id, row.updated_us)
            tell(row)
        if watched and (self._looking is None or self._looking.done()):
            self._looking = asyncio.create_task(self._look())

        def stop() -> None:
            for row in watched:
                tellers = self._watchers[row.id]
                tellers.remove(tell)
                if not tellers:
                    del self._watchers[row.id], self._seen[row.id]

        return stop

    async def close(self) -> None:
        """Look no more."""
        if self._looking is not None:
            self._looking.cancel()
            await asyncio.wait({self._looking})

    async def _look(self) -> None:
        while self._watchers:
            await asyncio.sleep(self._poll_sec)
            try:
                changed = await asyncio.to_thread(self._table.changes, dict(self._seen))
            except StoreUnavailable:
                continue  # the next look may find it again
            for row in changed.values():
                if row.id in self._watchers:
                    self._seen[row.id] = row.updated_us
                    for tell in list(self._watchers[row.id]):
                        tell(row)
