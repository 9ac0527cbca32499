import pytest

from dynogate.store.database import Database
from dynogate.store.jobs import JobTable


@pytest.fixture
def table(database: Database) -> JobTable:
    return JobTable(database)


def make(table: JobTable, job_id: str, owner: str = "host:1") -> None:
    table.created(job_id, "profile_script", "local", owner)


def test_a_new_job_is_queued(table: JobTable) -> None:
    """With who asked for it, who runs it, and when."""
    make(table, "job_1")
    job = table.get("job_1")
    assert job is not None
    assert (job.kind, job.principal, job.owner, job.state) == (
        "profile_script",
        "local",
        "host:1",
        "queued",
    )
    assert job.created_us > 0
    assert (job.started_us, job.ended_us, job.reason) == (None, None, None)


def test_a_started_job_runs(table: JobTable) -> None:
    """And knows since when."""
    make(table, "job_1")
    table.started("job_1")
    job = table.get("job_1")
    assert job is not None
    assert job.state == "running"
    assert job.started_us is not None
    assert job.started_us >= job.created_us


def test_an_ended_job_says_how(table: JobTable) -> None:
    """State, reason and time."""
    make(table, "job_1")
    table.started("job_1")
    table.ended("job_1", "failed", "it raised")
    job = table.get("job_1")
    assert job is not None
    assert (job.state, job.reason) == ("failed", "it raised")
    assert job.ended_us is not None


def test_the_first_end_stays(table: JobTable) -> None:
    """A late start or a second end does not bring a job back."""
    make(table, "job_1")
    table.ended("job_1", "cancelled", "asked to")
    table.started("job_1")
    table.ended("job_1", "done", None)
    job = table.get("job_1")
    assert job is not None
    assert (job.state, job.reason) == ("cancelled", "asked to")


def test_an_unknown_job_is_none(table: JobTable) -> None:
    """Records of old jobs go."""
    assert table.get("job_unknown") is None


def test_unfinished_jobs_of_dead_owners_are_lost(table: JobTable) -> None:
    """Queued and running ones, with a reason; those of the living are left alone."""
    make(table, "queued", "dead")
    make(table, "running", "dead")
    table.started("running")
    make(table, "done", "dead")
    table.ended("done", "done", None)
    make(table, "alive", "living")
    assert table.lost(lambda owner: owner == "living") == 2
    states = {job_id: table.get(job_id) for job_id in ("queued", "running", "done", "alive")}
    assert {job_id: job and job.state for job_id, job in states.items()} == {
        "queued": "lost",
        "running": "lost",
        "done": "done",
        "alive": "queued",
    }
    assert states["queued"] is not None
    assert states["queued"].reason == "the process that ran it ended before the job did"


def test_nothing_is_lost_twice(table: JobTable) -> None:
    """A second start-up finds the records in order."""
    make(table, "job_1", "dead")
    table.lost(lambda owner: False)
    assert table.lost(lambda owner: False) == 0


def test_the_oldest_ended_jobs_are_dropped(database: Database) -> None:
    """Only ended ones, and only beyond the limit."""
    table = JobTable(database, keep_ended=2)
    make(table, "unfinished")
    for number in range(4):
        make(table, f"job_{number}")
        table.ended(f"job_{number}", "done", None)
    make(table, "last")
    kept = [
        job_id
        for job_id in ("unfinished", "job_0", "job_1", "job_2", "job_3", "last")
        if table.get(job_id) is not None
    ]
    assert kept == ["unfinished", "job_2", "job_3", "last"]


def test_odd_text_is_recorded(table: JobTable) -> None:
    """NUL and lone surrogates in a reason become escapes; PostgreSQL takes neither."""
    make(table, "job_1")
    table.ended("job_1", "failed", "bad name: a\0b\udcff")
    job = table.get("job_1")
    assert job is not None
    assert job.reason == "bad name: a\\x00b\\udcff"
