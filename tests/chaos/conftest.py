"""What tests of the chaos room share."""

from collections.abc import Iterator

import pytest

from chaos.rig.toxiproxy import Toxiproxy


@pytest.fixture(scope="session")
def toxiproxy_server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Toxiproxy]:
    """A running Toxiproxy."""
    server = Toxiproxy(tmp_path_factory.mktemp("toxiproxy"))
    server.start()
    yield server
    server.process.kill()
