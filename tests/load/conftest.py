"""A good server for the tests of this room."""

from collections.abc import Iterator

import pytest

from tests.load.servers import Served, good


@pytest.fixture(scope="session")
def server() -> Iterator[Served]:
    """``tests.load.app`` as a process."""
    with good() as served:
        yield served
