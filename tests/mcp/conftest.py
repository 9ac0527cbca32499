from collections.abc import Iterator

import pytest

from dynogate.app import build_app
from dynogate.settings import load_settings
from tests.live import Live, in_process
from tests.mcp.speaker import Speaker


@pytest.fixture(scope="package")
def live(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Live]:
    settings = load_settings(
        data_dir=tmp_path_factory.mktemp("data"),
        toolsets="tests.toolset:toolset,tests.mcp.toolset:toolset",
        max_body_bytes=65536,
    )
    with in_process(build_app(settings)) as live:
        yield live


@pytest.fixture
def speaker(live: Live) -> Iterator[Speaker]:
    speaker = Speaker(f"{live.url}/mcp")
    with speaker.client:
        yield speaker
