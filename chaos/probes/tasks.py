"""What became of tasks and jobs that the gateway had acknowledged."""

import contextlib
import sqlite3
import time
from typing import Any

from chaos.actions.tasks import NOTE
from chaos.rig.rig import current
from chaos.rig.speaker import Speaker
from dynogate.errors import RigFailed

_ENDED = ("completed", "failed", "cancelled")
_LOOK_SEC = 0.1


def fates(within: float) -> dict[str, float]:
    """How the tasks that were started have ended, as the gateway tells.

    Args:
        within: seconds to wait until all have.

    Returns:
        How many there were (``all``), of which ``finished``, ``failed`` with a reason, and
        ``unaccounted``: failed without one, still at work, or unknown.

    Raises:
        RigFailed: none were started.
    """
    rig = current()
    ids: list[str] = rig.notes.get(NOTE, [])
    if not ids:
        raise RigFailed("no tasks were started")
    deadline = time.monotonic() + within
    with Speaker() as speaker:
        found = [speaker.task(each) for each in ids]
        while any(not _has_ended(each) for each in found) and time.monotonic() < deadline:
            time.sleep(_LOOK_SEC)
            found = [speaker.task(each) for each in ids]
    told = [answer.get("result", {}) for answer in found]
    finished = sum(task.get("status") == "completed" and not _is_error(task) for task in told)
    failed = sum(task.get("status") == "failed" or _is_error(task) for task in told)
    silent = sum(task.get("status") == "failed" and not _reason(task) for task in told)
    return {
        "all": len(ids),
        "finished": finished,
        "failed": failed - silent,
        "unaccounted": len(ids) - finished - failed + silent,
    }


def store() -> dict[str, float]:
    """What is in the store once another gateway has opened it.

    Returns:
        ``damage``: 0 where SQLite finds none; ``jobs`` that were ever recorded; ``unfinished``:
        those that still count as waiting or running.
    """
    [file] = current().gateway.data.glob("*.db")
    with contextlib.closing(sqlite3.connect(f"file:{file}?mode=ro", uri=True)) as connection:
        [(integrity,)] = connection.execute("PRAGMA integrity_check(1)").fetchall()
        [(jobs,)] = connection.execute("SELECT count(*) FROM jobs").fetchall()
        [(unfinished,)] = connection.execute(
            "SELECT count(*) FROM jobs WHERE ended_us IS NULL"
        ).fetchall()
    return {"damage": float(integrity != "ok"), "jobs": jobs, "unfinished": unfinished}


def _has_ended(answer: dict[str, Any]) -> bool:
    return answer.get("result", {}).get("status") in _ENDED


def _is_error(task: dict[str, Any]) -> bool:
    return bool(task.get("result", {}).get("isError"))


def _reason(task: dict[str, Any]) -> bool:
    return bool(task.get("statusMessage") or task.get("error", {}).get("message"))
