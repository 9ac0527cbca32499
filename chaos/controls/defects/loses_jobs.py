"""A gateway that starts forgets what its predecessor had under way, instead of telling of it."""

from collections.abc import Callable

from sqlalchemy import Table, delete

from dynogate.store.database import Database
from dynogate.store.jobs import JobTable
from dynogate.store.schema import jobs, tasks
from dynogate.store.tasks import TaskTable
from dynogate.tools.registry import Toolset

toolset = Toolset("defect-loses-jobs")


def _forget_jobs(self: JobTable, owner_is_alive: Callable[[str], bool | None]) -> int:
    return _forget(self._database, jobs)


def _forget_tasks(self: TaskTable) -> int:
    return _forget(self._database, tasks)


def _forget(database: Database, table: Table) -> int:
    with database.write() as connection:
        return connection.execute(delete(table).where(table.c.ended_us.is_(None))).rowcount


JobTable.lost = _forget_jobs  # type: ignore[method-assign]
TaskTable.lost = _forget_tasks  # type: ignore[method-assign]
