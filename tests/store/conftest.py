"""An empty, migrated store: once on SQLite, once on PostgreSQL."""

from collections.abc import Iterator

import pytest

from dynogate.store.database import Database


@pytest.fixture
def database(store_url: str) -> Iterator[Database]:
    """A database with its tables, closed after the test."""
    opened = Database(store_url)
    opened.migrate()
    yield opened
    opened.close()
