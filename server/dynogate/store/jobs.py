"""The table of jobs: what was asked for, who runs it, and how it ended."""

from collections.abc import Callable
from dataclasses import dataclass

from sqlalchemy import delete, insert, select, update

from dynogate.store.clock import now_us
from dynogate.store.database import Database
from dynogate.store.schema import jobs

_DROPPED_AT_ONCE = 100


@dataclass(frozen=True, slots=True, kw_only=True)
class JobRow:
    """One job. ``state`` is queued, running, done, failed, cancelled or lost."""

    id: str
    kind: str
    principal: str
    owner: str
    state: str
    reason: str | None
    created_us: int
    started_us: int | None
    ended_us: int | None


class JobTable:
    """Durable records of jobs. Every method raises `StoreUnavailable` where it cannot be used."""

    def __init__(self, database: Database, *, keep_ended: int = 10_000) -> None:
        """Records in ``database``, of which the newest ``keep_ended`` ended ones are kept."""
        self._database = database
        self._keep_ended = keep_ended

    def created(self, job_id: str, kind: str, principal: str, owner: str) -> None:
        """Record a queued job; ``owner`` names the process that will run it."""
        values = {
            "id": job_id,
            "kind": kind,
            "principal": principal,
            "owner": owner,
            "state": "queued",
            "created_us": now_us(),
        }
        too_old = (
            select(jobs.c.id)
            .where(jobs.c.ended_us.is_not(None))
            .order_by(jobs.c.ended_us.desc(), jobs.c.id)
            .offset(self._keep_ended)
            .limit(_DROPPED_AT_ONCE)
        )
        with self._database.write() as connection:
            connection.execute(insert(jobs).values(values))
            connection.execute(delete(jobs).where(jobs.c.id.in_(too_old)))

    def started(self, job_id: str) -> None:
        """Record that the job runs now; without effect once it has ended."""
        self._change(job_id, state="running", started_us=now_us())

    def ended(self, job_id: str, state: str, reason: str | None) -> None:
        """Record how the job ended; the first end recorded stays."""
        self._change(job_id, state=state, reason=reason, ended_us=now_us())

    def lost(self, owner_is_alive: Callable[[str], bool | None]) -> int:
        """Record as lost every unfinished job whose owner is gone; says how many there were."""
        unfinished = jobs.c.ended_us.is_(None)
        with self._database.write() as connection:
            owners = connection.execute(select(jobs.c.owner).where(unfinished).distinct()).scalars()
            gone = [owner for owner in owners if owner_is_alive(owner) is False]
            result = connection.execute(
                update(jobs)
                .where(unfinished, jobs.c.owner.in_(gone))
                .values(
                    state="lost",
                    reason="the process that ran it ended before the job did",
                    ended_us=now_us(),
                )
            )
            return result.rowcount

    def get(self, job_id: str) -> JobRow | None:
        """The job's record, or None where there is none (any more)."""
        with self._database.read() as connection:
            found = connection.execute(select(jobs).where(jobs.c.id == job_id)).first()
        return None if found is None else JobRow(**found._mapping)

    def _change(self, job_id: str, **values: object) -> None:
        with self._database.write() as connection:
            unfinished = jobs.c.ended_us.is_(None)
            connection.execute(update(jobs).where(jobs.c.id == job_id, unfinished).values(values))
