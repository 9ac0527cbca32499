from collections.abc import Iterator

import httpx2
import pytest
from starlette.requests import Request
from starlette.responses import PlainTextResponse, Response
from starlette.routing import Route
from starlette.types import Receive, Scope, Send

from dynogate.guards.drain import Drain
from dynogate.telemetry.metrics import Metrics
from dynogate.transports.front import Front
from dynogate.transports.reception import Reception
from tests.live import Live, in_process


async def short(scope: Scope, receive: Receive, send: Send) -> None:
    await PlainTextResponse("app" if "app" in scope else "short")(scope, receive, send)


async def long(_: Request) -> Response:
    return PlainTextResponse("long")


@pytest.fixture(scope="module")
def front() -> Iterator[Live]:
    routes = [Route("/call", short, methods=["POST"]), Route("/other", long, methods=["POST"])]
    reception = Reception(Drain(), Metrics(), {"/call": "rpc"})
    with in_process(Front(reception, {"/call": short}, routes=routes), plain=True) as live:
        yield live


def test_a_post_takes_the_short_cut(front: Live) -> None:
    """Starlette has not seen it."""
    assert httpx2.post(front.url + "/call").text == "short"


def test_other_methods_and_paths_are_starlettes(front: Live) -> None:
    """Which knows what is not allowed, and what is not there."""
    assert httpx2.get(front.url + "/call").status_code == 405
    assert httpx2.post(front.url + "/other").text == "long"
    assert httpx2.post(front.url + "/call/").status_code == 307
    assert httpx2.post(front.url + "/nowhere").status_code == 404
