"""WebSockets that come and go, answer out of turn, or answer nonsense."""

import asyncio
import json
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager

import numpy as np
from websockets.asyncio.server import ServerConnection, serve

from dynogate.load import schedules
from dynogate.load.calls import FIRST_ID, Call
from dynogate.load.generator import Generator, Order, Take
from dynogate.load.samples import Outcome
from dynogate.load.targets import target

Answer = Callable[[ServerConnection, dict[str, object]], Awaitable[None]]


def good(request: dict[str, object]) -> str:
    """A good answer."""
    return json.dumps({"jsonrpc": "2.0", "id": request["id"], "result": {"content": []}})


@asynccontextmanager
async def server(answer: Answer) -> AsyncIterator[str]:
    """Greets, and gives every call to ``answer``."""

    async def connected(socket: ServerConnection) -> None:
        async for message in socket:
            request = json.loads(message)
            if "id" not in request:
                continue
            if request["method"] == "initialize":
                await socket.send(good(request))
            else:
                await answer(socket, request)

    async with serve(connected, "127.0.0.1", 0, subprotocols=["mcp"]) as listening:  # type: ignore[list-item]
        yield f"ws://127.0.0.1:{listening.sockets[0].getsockname()[1]}"


async def at_rate(
    url: str, rate: float, seconds: float, *, connections: int = 1, timeout: float = 5.0
) -> Take:
    """An open loop."""
    order = Order(
        target(url, timeout=timeout), (Call("x"),), "ws", seconds, connections=connections
    )
    generator = Generator(order, schedules.constant(rate, seconds))
    await generator.open()
    return await generator.run()


async def test_answers_in_any_order() -> None:
    """Each finds its call, though progress comes in between."""
    held: list[dict[str, object]] = []

    async def backwards(socket: ServerConnection, request: dict[str, object]) -> None:
        held.append(request)
        await socket.send('{"jsonrpc":"2.0","method":"notifications/progress","params":{}}')
        if len(held) == 5:
            for each in reversed(held):
                await socket.send(good(each))

    async with server(backwards) as url:
        take = await at_rate(url, 100, 0.05)
    assert take.samples.counts == {Outcome.OK: 5}
    assert np.argmin(take.samples.finished) == 4


async def test_a_lost_connection_is_opened_again() -> None:
    """The calls in flight on it have failed; later ones go over the new one."""
    closed: list[bool] = []

    async def once(socket: ServerConnection, request: dict[str, object]) -> None:
        if not closed:
            closed.append(True)
            await socket.close()
        else:
            await socket.send(good(request))

    async with server(once) as url:
        take = await at_rate(url, 20, 1.5)
    counts = take.samples.counts
    assert set(counts) == {Outcome.OK, Outcome.CONNECTION}
    assert take.samples.outcome[-1] == Outcome.OK
    assert counts[Outcome.OK] > 10


async def test_an_answer_to_nothing_fails_the_one_that_waits() -> None:
    """A wrong id is a bad reply, and so is no JSON."""

    async def wrong(socket: ServerConnection, request: dict[str, object]) -> None:
        odd = request["id"] == FIRST_ID + 1
        await socket.send("<html>" if odd else good({"id": 7}))

    async with server(wrong) as url:
        order = Order(target(url), (Call("x"),), "ws", None, users=1, max_calls=2)
        generator = Generator(order, np.zeros(0))
        await generator.open()
        take = await generator.run()
    assert take.samples.counts == {Outcome.BAD_REPLY: 2}
    assert any("not JSON" in why for why in take.complaints)
    assert any("the id" in why for why in take.complaints)


async def test_with_several_in_flight_it_is_only_told() -> None:
    """Whose answer it was cannot be known: they time out."""

    async def nonsense(socket: ServerConnection, request: dict[str, object]) -> None:
        await asyncio.sleep(0.05)
        await socket.send("<html>")

    async with server(nonsense) as url:
        take = await at_rate(url, 100, 0.05, timeout=0.5)
    assert take.samples.count(Outcome.TIMEOUT) >= 4
    assert any("not JSON" in why for why in take.complaints)


async def test_no_socket_at_all() -> None:
    """A server that never lets one open."""

    async def never(socket: ServerConnection, request: dict[str, object]) -> None:
        await socket.close()

    async with server(never) as url:
        port = url.rpartition(":")[2]
    take = await at_rate(f"ws://127.0.0.1:{port}", 50, 0.1)
    assert take.samples.counts == {Outcome.CONNECTION: 5}
