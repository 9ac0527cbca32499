"""The table of tasks: calls that outlive their request, and what became of them.

A task is *working* or *input_required* until it has ended: *completed*, *failed* or *cancelled*.
Until then it is held by one process, its owner, and ``expires`` is a lease that the owner renews;
afterwards it is how long the outcome is kept. The lease counts only where nobody can see whether
the owner runs (on another machine): clocks are set forward, and a task must not be lost by that.
"""

from collections.abc import Callable, Collection, Mapping
from dataclasses import asdict, dataclass
from typing import Any, Final

import msgspec
from sqlalchemy import (
    ColumnElement,
    Connection,
    Select,
    and_,
    delete,
    func,
    insert,
    or_,
    select,
    update,
)

from dynogate.store.clock import now_us
from dynogate.store.database import Database
from dynogate.store.ids import new_id
from dynogate.store.schema import secrets, tasks

WORKING: Final = "working"
INPUT_REQUIRED: Final = "input_required"
COMPLETED: Final = "completed"
FAILED: Final = "failed"
CANCELLED: Final = "cancelled"

LOST: Final = (
    "the task was given up: the process that ran it ended, or an answer it waited for did not come "
    "in time; call the tool again"
)

_DROPPED_AT_ONCE = 100

Json = dict[str, Any]


@dataclass(frozen=True, slots=True, kw_only=True)
class TaskRow:
    """One task.

    Attributes:
        message: what a person may be told about the state.
        requests: what the client is asked now, by name.
        answers: what it answered so far, by name.
        outcome: JSON: the result where it is completed, the error where it failed.
    """

    id: str
    principal: str
    tool: str
    owner: str
    state: str
    message: str | None
    created_us: int
    updated_us: int
    expires_us: int
    ended_us: int | None
    cancel_us: int | None
    requests: Json
    answers: Json
    outcome: bytes | None

    @property
    def has_ended(self) -> bool:
        """Whether nothing about it will change."""
        return self.ended_us is not None


class TaskTable:
    """Durable records of tasks. Every method raises `StoreUnavailable` where it cannot be used.

    Args:
        keep_us: for how long a lease holds, and for how long an outcome is kept.
        max_per_principal: how many of one principal there may be.
        owner_is_alive: tells of the process that made an owner string whether it still runs, or
            None where it cannot know.
    """

    def __init__(
        self,
        database: Database,
        *,
        keep_us: int,
        max_per_principal: int,
        owner_is_alive: Callable[[str], bool | None],
    ) -> None:
        self._database = database
        self._keep_us = keep_us
        self._max = max_per_principal
        self._owner_is_alive = owner_is_alive

    def create(self, principal: str, tool: str, owner: str) -> TaskRow | None:
        """Record a working task; None where the principal has as many as may be.

        Drops tasks whose time is over.
        """
        now = now_us()
        row = TaskRow(
            id=new_id("task"),
            principal=principal,
            tool=tool,
            owner=owner,
            state=WORKING,
            message=None,
            created_us=now,
            updated_us=now,
            expires_us=now + self._keep_us,
            ended_us=None,
            cancel_us=None,
            requests={},
            answers={},
            outcome=None,
        )
        # One that may still work gets the same time once more.
        is_over = or_(
            and_(tasks.c.ended_us.is_not(None), tasks.c.expires_us < now),
            tasks.c.expires_us < now - self._keep_us,
        )
        over = select(tasks.c.id).where(is_over).limit(_DROPPED_AT_ONCE)
        held = select(func.count()).where(tasks.c.principal == principal, tasks.c.expires_us >= now)
        values = {**asdict(row), "requests": _json({}), "answers": _json({})}
        with self._database.write() as connection:
            connection.execute(delete(tasks).where(tasks.c.id.in_(over)))
            if connection.execute(held).scalar_one() >= self._max:
                return None
            connection.execute(insert(tasks).values(values))
        return row

    def get(self, task_id: str, principal: str) -> TaskRow | None:
        """The principal's task, or None where there is none (any more).

        One whose owner is gone, or cannot be seen and let its lease run out, is failed from now on.
        """
        now = now_us()
        with self._database.read() as connection:
            row = _found(connection, _of(task_id, principal))
        if row is None or (row.has_ended and row.expires_us < now):
            return None
        if row.has_ended or self._is_held(row, now):
            return row
        with self._database.write() as connection:
            self._lose(connection, tasks.c.id == task_id)
            return _found(connection, _of(task_id, principal))

    def _is_held(self, row: TaskRow, now: int) -> bool:
        is_alive = self._owner_is_alive(row.owner)
        return row.expires_us >= now if is_alive is None else is_alive

    def changes(self, known: Mapping[str, int]) -> dict[str, TaskRow]:
        """Those of the tasks that were updated at another instant than the one given for each."""
        if not known:
            return {}
        with self._database.read() as connection:
            at = select(tasks.c.id, tasks.c.updated_us).where(tasks.c.id.in_(known))
            changed = [key for key, updated in connection.execute(at) if known[key] != updated]
            found = (_found(connection, _named(key)) for key in changed)
            return {row.id: row for row in found if row is not None}

    def note(self, task_id: str, message: str) -> None:
        """Record how far the task has come."""
        self._change(task_id, message=message)

    def renew(self, task_ids: Collection[str]) -> None:
        """Renew the leases of working tasks; one that waits for input keeps its end."""
        with self._database.write() as connection:
            connection.execute(
                update(tasks)
                .where(tasks.c.id.in_(task_ids), tasks.c.state == WORKING)
                .values(expires_us=now_us() + self._keep_us)
            )

    def require(self, task_id: str, requests: Json) -> TaskRow | None:
        """Record what the client has to answer before the task can go on."""
        with self._database.write() as connection:
            row = _found(connection, _unfinished(task_id).with_for_update())
            if row is None:
                return None
            asked = {**row.requests, **requests}
            self._set(connection, task_id, state=INPUT_REQUIRED, requests=_json(asked))
            return _found(connection, _named(task_id))

    def answer(self, task_id: str, principal: str, answers: Json) -> bool:
        """Record answers to what is asked now, leaving out all others.

        Returns:
            False where the principal has no such task.
        """
        with self._database.write() as connection:
            row = _found(connection, _of(task_id, principal).with_for_update())
            if row is None:
                return False
            taken = {name: each for name, each in answers.items() if name in row.requests}
            if taken and not row.has_ended:
                left = {name: each for name, each in row.requests.items() if name not in taken}
                self._set(
                    connection,
                    task_id,
                    state=INPUT_REQUIRED if left else WORKING,
                    requests=_json(left),
                    answers=_json({**row.answers, **taken}),
                )
            return True

    def cancel(self, task_id: str, principal: str) -> bool:
        """Record that the task is to stop; False where the principal has no such task."""
        with self._database.write() as connection:
            if _found(connection, _of(task_id, principal)) is None:
                return False
            self._set(connection, task_id, cancel_us=now_us())
            return True

    def ended(
        self, task_id: str, state: str, *, outcome: bytes | None = None, message: str | None = None
    ) -> None:
        """Record how the task ended; the first end recorded stays."""
        now = now_us()
        self._change(
            task_id,
            state=state,
            outcome=outcome,
            message=message,
            requests=_json({}),
            ended_us=now,
            expires_us=now + self._keep_us,
        )

    def pending(self, owner: str) -> list[TaskRow]:
        """The tasks of this owner that have not ended."""
        mine = select(tasks).where(tasks.c.owner == owner, tasks.c.ended_us.is_(None))
        with self._database.read() as connection:
            return [_read(row._mapping) for row in connection.execute(mine)]

    def lost(self) -> int:
        """Record as failed every unfinished task whose owner is gone; says how many there were."""
        with self._database.write() as connection:
            unfinished = tasks.c.ended_us.is_(None)
            owners = connection.execute(select(tasks.c.owner).where(unfinished).distinct())
            gone = [owner for owner in owners.scalars() if self._owner_is_alive(owner) is False]
            return self._lose(connection, tasks.c.owner.in_(gone))

    def _lose(self, connection: Connection, which: ColumnElement[bool]) -> int:
        now = now_us()
        return connection.execute(
            update(tasks)
            .where(which, tasks.c.ended_us.is_(None))
            .values(
                state=FAILED,
                message=LOST,
                requests=_json({}),
                updated_us=now,
                ended_us=now,
                expires_us=now + self._keep_us,
            )
        ).rowcount

    def _change(self, task_id: str, **values: object) -> None:
        with self._database.write() as connection:
            self._set(connection, task_id, **values)

    def _set(self, connection: Connection, task_id: str, **values: object) -> None:
        unfinished = and_(tasks.c.id == task_id, tasks.c.ended_us.is_(None))
        connection.execute(update(tasks).where(unfinished).values(updated_us=now_us(), **values))


def shared_secret(database: Database, name: str) -> bytes:
    """A secret that all processes with this store have in common, made with its tables.

    Raises:
        StoreUnavailable: the store cannot be read now.
    """
    with database.read() as connection:
        found = connection.execute(select(secrets.c.value).where(secrets.c.name == name))
        return bytes(found.scalar_one())


Query = Select[Any]


def _named(task_id: str) -> Query:
    return select(tasks).where(tasks.c.id == task_id)


def _of(task_id: str, principal: str) -> Query:
    return _named(task_id).where(tasks.c.principal == principal)


def _unfinished(task_id: str) -> Query:
    return _named(task_id).where(tasks.c.ended_us.is_(None))


def _found(connection: Connection, query: Query) -> TaskRow | None:
    row = connection.execute(query).first()
    return None if row is None else _read(row._mapping)


def _read(row: Mapping[Any, Any]) -> TaskRow:
    decoded = {name: msgspec.json.decode(row[name]) for name in ("requests", "answers")}
    return TaskRow(**{**row, **decoded})


def _json(value: Json) -> bytes:
    return msgspec.json.encode(value)
