import pytest

from dynogate.store.database import Database
from dynogate.store.tasks import LOST, TaskRow, TaskTable, shared_secret

HOUR_US = 3_600_000_000
ALICE = "key:alice"


def open_table(
    database: Database, *, keep_us: int = HOUR_US, max_per_principal: int = 100
) -> TaskTable:
    return TaskTable(
        database,
        keep_us=keep_us,
        max_per_principal=max_per_principal,
        owner_is_alive=lambda owner: None if owner == "elsewhere" else owner != "dead",
    )


@pytest.fixture
def table(database: Database) -> TaskTable:
    return open_table(database)


def make(table: TaskTable, owner: str = "host:1", principal: str = ALICE) -> TaskRow:
    made = table.create(principal, "slow", owner)
    assert made is not None
    return made


def got(table: TaskTable, task_id: str) -> TaskRow:
    found = table.get(task_id, ALICE)
    assert found is not None
    return found


def test_a_new_task_works_and_is_found(table: TaskTable) -> None:
    """As it was made, by whoever made it."""
    made = make(table)
    assert made.state == "working"
    assert made.expires_us == made.created_us + HOUR_US
    assert table.get(made.id, ALICE) == made


def test_ids_cannot_be_guessed(table: TaskTable) -> None:
    """Two made one after the other share their time stamp at most."""
    assert make(table).id[-16:] != make(table).id[-16:]


def test_a_task_is_there_for_its_principal_only(table: TaskTable) -> None:
    """To others it is as if it were not there, whatever they try."""
    made = make(table)
    assert table.get(made.id, "key:bob") is None
    assert not table.answer(made.id, "key:bob", {"name": {}})
    assert not table.cancel(made.id, "key:bob")
    assert got(table, made.id) == made


@pytest.mark.parametrize("task_id", ["", "task_unknown", "a\0b", "x" * 100_000, "' OR 1=1 --"])
def test_an_id_of_nothing_finds_nothing(table: TaskTable, task_id: str) -> None:
    """Ids come from clients, and may hold anything."""
    make(table)
    assert table.get(task_id, ALICE) is None
    assert not table.answer(task_id, ALICE, {})
    assert not table.cancel(task_id, ALICE)


def test_the_outcome_is_kept(table: TaskTable) -> None:
    """For as long again as a lease holds, counted from the end."""
    made = make(table)
    table.ended(made.id, "completed", outcome=b'{"content":[]}')
    ended = got(table, made.id)
    assert (ended.state, ended.outcome) == ("completed", b'{"content":[]}')
    assert ended.ended_us is not None
    assert ended.expires_us == ended.ended_us + HOUR_US


def test_the_first_end_stays(table: TaskTable) -> None:
    """A late result does not bring back what was cancelled, nor a note change it."""
    made = make(table)
    table.ended(made.id, "cancelled", message="asked to")
    table.ended(made.id, "completed", outcome=b"{}")
    table.note(made.id, "still at it")
    table.cancel(made.id, ALICE)
    ended = got(table, made.id)
    assert (ended.state, ended.outcome, ended.message) == ("cancelled", None, "asked to")
    assert ended.cancel_us is None


def test_a_task_tells_how_far_it_is(table: TaskTable) -> None:
    """And when it last said so."""
    made = make(table)
    table.note(made.id, "half way\0")
    noted = got(table, made.id)
    assert noted.message == "half way\\x00"
    assert noted.updated_us > made.updated_us


def test_questions_are_answered_one_by_one(table: TaskTable) -> None:
    """What was answered is no longer asked; after the last one the task works again."""
    made = make(table)
    asked = table.require(made.id, {"name": {"method": "a"}, "sure": {"method": "b"}})
    assert asked is not None
    assert (asked.state, asked.requests) == (
        "input_required",
        {"name": {"method": "a"}, "sure": {"method": "b"}},
    )
    assert table.answer(made.id, ALICE, {"name": {"action": "accept"}, "other": {}})
    half = got(table, made.id)
    assert (half.state, set(half.requests)) == ("input_required", {"sure"})
    assert half.answers == {"name": {"action": "accept"}}
    assert table.answer(made.id, ALICE, {"sure": {"action": "decline"}, "name": {}})
    whole = got(table, made.id)
    assert (whole.state, whole.requests) == ("working", {})
    assert whole.answers == {"name": {"action": "accept"}, "sure": {"action": "decline"}}


def test_answers_to_nothing_are_left_out(table: TaskTable) -> None:
    """A key that was never asked, and any key after the end."""
    made = make(table)
    assert table.answer(made.id, ALICE, {"other": {}})
    assert got(table, made.id) == made
    table.require(made.id, {"name": {"method": "a"}})
    table.ended(made.id, "cancelled")
    assert table.answer(made.id, ALICE, {"name": {}})
    assert got(table, made.id).answers == {}
    assert table.require(made.id, {"more": {}}) is None


def test_a_cancel_is_seen_by_the_owner(table: TaskTable) -> None:
    """Among the tasks that it has not ended yet."""
    made, _ = make(table), make(table, owner="other")
    assert table.cancel(made.id, ALICE)
    [pending] = table.pending("host:1")
    assert pending.id == made.id
    assert pending.cancel_us is not None
    table.ended(made.id, "cancelled")
    assert table.pending("host:1") == []


def test_tasks_of_dead_owners_have_failed(table: TaskTable) -> None:
    """At the next start, with a reason; ended ones and those of the living stay."""
    alive, ended, lost = make(table), make(table, owner="dead"), make(table, owner="dead")
    table.ended(ended.id, "completed", outcome=b"{}")
    assert table.lost() == 1
    assert table.lost() == 0
    assert got(table, alive.id).state == "working"
    assert got(table, ended.id).state == "completed"
    assert (got(table, lost.id).state, got(table, lost.id).message) == ("failed", LOST)


def test_a_dead_owner_is_found_out_by_asking(table: TaskTable) -> None:
    """Nobody has to start again for a task not to run for ever."""
    made = make(table, owner="dead")
    assert got(table, made.id).state == "failed"


def test_a_lease_that_ran_out_is_a_failure(database: Database) -> None:
    """Of an owner on another machine nobody knows more than that it no longer renews."""
    table = open_table(database, keep_us=-1)
    made = make(table, owner="elsewhere")
    assert got_once(table, made.id) == ("failed", LOST)


def test_a_clock_that_was_set_forward_costs_no_task(database: Database) -> None:
    """The lease of one that works is over then, but its owner is seen to run."""
    brief, table = open_table(database, keep_us=-1), open_table(database)
    working = make(brief)
    make(table)
    assert got(table, working.id).state == "working"


def test_a_lease_that_just_ran_out_drops_no_task(database: Database) -> None:
    """Nobody knows of an owner on another machine whose clock is right; it gets as long again."""
    table = open_table(database)
    late, gone = make(table, owner="elsewhere"), make(table, owner="elsewhere")
    with database.write() as connection:
        for row, ago_us in ((late, 1), (gone, HOUR_US + 1)):
            expired = row.created_us - ago_us
            connection.exec_driver_sql(
                f"UPDATE tasks SET expires_us = {expired} WHERE id = '{row.id}'"
            )
    made = make(table)
    with database.read() as connection:
        left = set(connection.exec_driver_sql("SELECT id FROM tasks").scalars())
    assert left == {late.id, made.id}


def got_once(table: TaskTable, task_id: str) -> tuple[str, str | None]:
    row = got(table, task_id)
    return row.state, row.message


def test_what_was_kept_long_enough_is_gone(database: Database) -> None:
    """At once for those who ask, and from the table when the next task is made."""
    brief, table = open_table(database, keep_us=-1), open_table(database)
    made = make(table)
    brief.ended(made.id, "completed", outcome=b"{}")
    assert table.get(made.id, ALICE) is None
    make(table)
    with database.read() as connection:
        count = connection.exec_driver_sql("SELECT count(*) FROM tasks").scalar_one()
    assert count == 1


def test_a_lease_can_be_renewed_while_the_task_works(database: Database) -> None:
    """One that waits for an answer keeps its end, so that it does not wait for ever."""
    short, table = open_table(database, keep_us=1_000_000), open_table(database)
    working, waiting = make(short), make(short)
    short.require(waiting.id, {"name": {}})
    table.renew([working.id, waiting.id])
    assert got(table, working.id).expires_us > working.expires_us
    assert got(table, waiting.id).expires_us == waiting.expires_us


def test_nobody_can_have_more_than_so_many(database: Database) -> None:
    """Others are not touched by it."""
    table = open_table(database, max_per_principal=2)
    make(table)
    make(table)
    assert table.create(ALICE, "slow", "host:1") is None
    make(table, principal="key:bob")


def test_changes_are_told_once(table: TaskTable) -> None:
    """Whoever knows the last state hears nothing until there is another."""
    made = make(table)
    assert table.changes({}) == {}
    assert table.changes({made.id: made.updated_us}) == {}
    table.note(made.id, "on its way")
    told = table.changes({made.id: made.updated_us, "task_unknown": 0})
    assert list(told) == [made.id]
    assert told[made.id].message == "on its way"


def test_a_secret_is_made_with_the_tables(database: Database) -> None:
    """Every process finds the same, and a second start keeps it."""
    secret = shared_secret(database, "request_state")
    assert len(secret) == 32
    database.migrate()
    assert shared_secret(database, "request_state") == secret
