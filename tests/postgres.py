"""A real PostgreSQL for tests: a temporary cluster, stopped and removed at the end.

Loaded through ``pytest_plugins``. A test that takes `store_url` runs once on SQLite and once on
PostgreSQL; where PostgreSQL is not installed it fails and says what to install.
"""

import secrets
from collections.abc import Iterator
from pathlib import Path

import pytest

from chaos.rig.postgres import PostgresCluster

__all__ = ["PostgresCluster"]


@pytest.fixture(scope="session")
def postgres() -> Iterator[PostgresCluster]:
    """The running cluster of this test session."""
    cluster = PostgresCluster()
    try:
        cluster.start()
        try:
            yield cluster
        finally:
            cluster.stop()
    finally:
        cluster.remove()


@pytest.fixture(scope="session")
def postgres_url(postgres: PostgresCluster) -> str:
    """URL of one database for the whole session; see `fresh_postgres_url` for an empty one."""
    postgres.execute("CREATE DATABASE session")
    return postgres.url("session")


@pytest.fixture
def fresh_postgres_url(postgres: PostgresCluster) -> Iterator[str]:
    """URL of an empty PostgreSQL database, dropped after the test."""
    name = f"t_{secrets.token_hex(6)}"
    postgres.execute(f"CREATE DATABASE {name}")
    yield postgres.url(name)
    postgres.execute(f"DROP DATABASE {name} WITH (FORCE)")


@pytest.fixture(params=["sqlite", "postgresql"])
def store_url(request: pytest.FixtureRequest, tmp_path: Path) -> str:
    """URL of an empty store: once on SQLite, once on PostgreSQL."""
    if request.param == "sqlite":
        return f"sqlite:///{tmp_path / 'store.db'}"
    url: str = request.getfixturevalue("fresh_postgres_url")
    return url
