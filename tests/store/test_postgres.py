"""A PostgreSQL server that hangs, is not there, or comes back: bounded, left alone, asked again."""

import time
from collections.abc import Iterator

import pytest
from sqlalchemy import make_url, text

from dynogate.errors import StoreUnavailable
from dynogate.resilience.circuit import State
from dynogate.resilience.policy import Policy
from dynogate.store.database import Database
from tests.link import Link
from tests.postgres import PostgresCluster

POLICY = Policy(timeout_sec=0.5, retries=2, failures=2, recovery_sec=0.3)


@pytest.fixture
def link(postgres: PostgresCluster) -> Iterator[Link]:
    link = Link(postgres.port)
    yield link
    link.close()


@pytest.fixture
def changes() -> list[State]:
    """Each state that the circuit came to."""
    return []


@pytest.fixture
def database(link: Link, fresh_postgres_url: str, changes: list[State]) -> Iterator[Database]:
    direct = Database(fresh_postgres_url)
    direct.migrate()
    direct.close()
    url = make_url(fresh_postgres_url).set(port=link.port).render_as_string(hide_password=False)
    database = Database(
        url, policy=POLICY, on_change=lambda name, before, after: changes.append(after)
    )
    yield database
    database.close()


def test_a_silent_server_costs_its_bound_and_then_nothing(
    database: Database, link: Link, changes: list[State]
) -> None:
    """On a connection that was open, on a new one; then it is left alone, and it recovers."""
    database.ping()
    link.silent = True
    for _ in range(2):
        start = time.monotonic()
        with pytest.raises(StoreUnavailable, match="cannot be reached"):
            database.ping()
        assert time.monotonic() - start < 3  # psycopg gives a new connection 2 s at least
    assert changes == ["open"]
    start, asked = time.monotonic(), link.connections
    with pytest.raises(StoreUnavailable, match="is not asked now") as caught:
        database.ping()
    assert time.monotonic() - start < 0.2
    assert link.connections == asked
    assert 0 < (caught.value.retry_after or 0) <= 0.3
    link.silent = False
    time.sleep(0.3)
    database.ping()
    assert changes == ["open", "half_open", "closed"]


def test_a_connection_that_fails_is_tried_again(
    database: Database, link: Link, changes: list[State]
) -> None:
    """As when the server is just starting; nobody notices."""
    link.refused = 2
    database.ping()
    assert link.connections == 3
    assert changes == []


def test_a_wrong_statement_says_nothing_of_the_server(
    database: Database, changes: list[State]
) -> None:
    """However often; nor does one that was cut short."""
    for statement in ("SELECT * FROM nowhere", "SET statement_timeout = 1; SELECT pg_sleep(9)"):
        for _ in range(3):
            with pytest.raises(StoreUnavailable), database.read() as connection:
                connection.execute(text(statement))
    database.ping()
    assert changes == []


def test_a_file_has_no_circuit(tmp_path: object) -> None:
    """SQLite is on this machine: what it says, it says at once."""
    assert Database(f"sqlite:///{tmp_path}/store.db").breaker is None
