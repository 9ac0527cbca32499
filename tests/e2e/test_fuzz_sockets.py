"""Whatever is said on a WebSocket: the next call is answered, and nothing is a fault of ours."""

from collections.abc import Iterator

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from websockets.exceptions import ConnectionClosed

from dynogate.app import build_app
from dynogate.settings import load_settings
from tests.hostile import bodies
from tests.live import Live, in_process
from tests.sockets import client

LAST = "the last call"


@pytest.fixture(scope="module")
def live(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Live]:
    folder = tmp_path_factory.mktemp("data")
    toys = {"toolsets": "tests.toolset:toolset", "rate_limit": "off"}
    with in_process(build_app(load_settings(data_dir=folder, **toys))) as live:
        yield live


@settings(max_examples=40, deadline=None)
@given(st.lists(bodies.map(lambda body: body.decode("utf-8", "replace")), max_size=4))
def test_any_message_is_answered_and_the_next_one_served(live: Live, said: list[str]) -> None:
    """Or the connection is closed with a reason that is not an error of ours (1011)."""
    with client(live) as ws:
        try:
            for text in said:
                ws.send(text)
            ws.call("echo", {"say": "x"}, id=LAST)
            while (told := ws.next()).get("id") != LAST:
                assert told["jsonrpc"] == "2.0"
                assert told.get("error", {}).get("code") != -32603, told
            assert "result" in told
        except ConnectionClosed:
            assert ws.socket.close_code in (1002, 1003, 1007, 1008, 1009)
