"""A Redis of a test's own, which it may stop, freeze and start again."""

from collections.abc import Iterator
from pathlib import Path

import pytest

from chaos.rig.redis import RedisServer

__all__ = ["RedisServer"]


@pytest.fixture
def redis_server(tmp_path: Path) -> Iterator[RedisServer]:
    """A running Redis."""
    server = RedisServer(tmp_path)
    server.start()
    yield server
    server.kill()
