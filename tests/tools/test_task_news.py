import asyncio
from collections.abc import AsyncIterator, Callable, Mapping
from pathlib import Path

import pytest

from dynogate.errors import StoreUnavailable
from dynogate.store.database import Database
from dynogate.store.tasks import TaskRow, TaskTable
from dynogate.tools import task_news
from dynogate.tools.task_news import TaskNews

ME = "local"


class Failing(TaskTable):
    """A table that cannot be asked for news as long as ``broken`` is set."""

    broken = False

    def changes(self, known: Mapping[str, int]) -> dict[str, TaskRow]:
        if self.broken:
            self.broken = False  # once is enough
            raise StoreUnavailable("gone for a moment")
        return super().changes(known)


@pytest.fixture
def table(tmp_path: Path) -> Failing:
    database = Database(f"sqlite:///{tmp_path / 'tasks.db'}")
    database.migrate()
    return Failing(
        database, keep_us=3_600_000_000, max_per_principal=9, owner_is_alive=lambda owner: True
    )


@pytest.fixture
async def news(table: TaskTable) -> AsyncIterator[TaskNews]:
    found = TaskNews(table, poll_sec=0.01)
    yield found
    await found.close()


def make(table: TaskTable) -> TaskRow:
    made = table.create(ME, "slow", "me:1")
    assert made is not None
    return made


async def until(condition: Callable[[], bool]) -> None:
    async with asyncio.timeout(20):
        while not condition():
            await asyncio.sleep(0.01)


async def test_everyone_who_watches_is_told(news: TaskNews, table: TaskTable) -> None:
    """At once of how it is, then of each change, until they stop; others go on being told."""
    made, other = make(table), make(table)
    first: list[str | None] = []
    second: list[str | None] = []
    stop_first = news.watch([made], lambda row: first.append(row.message))
    stop_second = news.watch([made, other], lambda row: second.append(row.message))
    assert (first, second) == ([None], [None, None])
    table.note(made.id, "half way")
    await until(lambda: first[-1] == second[-1] == "half way")
    stop_first()
    table.note(made.id, "nearly there")
    await until(lambda: second[-1] == "nearly there")
    assert first == [None, "half way"]
    stop_second()


async def test_watching_begins_again_after_a_pause(news: TaskNews, table: TaskTable) -> None:
    """Nobody asks the store while nobody watches."""
    made = make(table)
    news.watch([made], lambda row: None)()
    await asyncio.sleep(0.05)
    told: list[str | None] = []
    stop = news.watch([made], lambda row: told.append(row.message))
    table.note(made.id, "again")
    await until(lambda: told[-1] == "again")
    stop()


async def test_a_store_that_is_gone_for_a_moment_costs_no_news(
    news: TaskNews, table: Failing
) -> None:
    """The next look finds what changed meanwhile."""
    made = make(table)
    told: list[str | None] = []
    table.broken = True
    stop = news.watch([made], lambda row: told.append(row.message))
    table.note(made.id, "meanwhile")
    await until(lambda: told[-1] == "meanwhile")
    assert not table.broken
    stop()


async def test_there_is_room_for_so_many(
    news: TaskNews, table: TaskTable, monkeypatch: pytest.MonkeyPatch
) -> None:
    """And again when they are no longer watched."""
    monkeypatch.setattr(task_news, "MAX_WATCHED", 1)
    before = news.has_room
    stop = news.watch([make(table)], lambda row: None)
    during = news.has_room
    stop()
    assert (before, during, news.has_room) == (True, False, True)


async def test_nothing_is_watched_by_those_who_have_nothing(news: TaskNews) -> None:
    """Such as those who listen for other things."""
    news.watch([], lambda row: None)()
    assert news.has_room
