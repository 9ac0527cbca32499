"""What idle clients cost: memory of the gateway with 1,000 WebSockets or sessions, and after."""

import asyncio
import time
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from contextlib import AsyncExitStack
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from tempfile import TemporaryDirectory

import psutil
from websockets.asyncio.client import ClientConnection, connect
from websockets.exceptions import InvalidStatus

from benchmarks._report import Bar, Report
from benchmarks.gateway.messages import (
    MCP_2025,
    SUBPROTOCOL,
    WEBSOCKET,
    Headers,
    NotServed,
    is_result,
    open_session,
    post,
    tried,
)
from benchmarks.gateway.servers import Running
from benchmarks.gateway.subjects import DYNOGATE

HELD_LIMIT_MB, KEPT_LIMIT_MB = 60.0, 5.0
_SETTLED_SEC = 3.0
_AT_ONCE = 20  # of the clients that come


@dataclass(frozen=True, slots=True)
class Held:
    """Resident memory of a gateway, in MB: before, with all clients, and when they are gone."""

    before: float
    during: float
    after: float


def report(clients: int = 1000) -> Report:
    """Measure both kinds of clients, each with a gateway of its own."""
    kinds: dict[str, Callable[[Running], Held]] = {
        f"{clients} WebSockets": partial(_websockets, clients),
        f"{clients} sessions": partial(_sessions, clients),
    }
    rows: list[tuple[str, ...]] = []
    bars = []
    for name, measure in kinds.items():
        held = _with_gateway(measure)
        more = kept = None
        if held is None:
            rows.append((name, "not served", "", ""))
        else:
            rows.append((name, *(f"{mb:.1f}" for mb in (held.before, held.during, held.after))))
            more, kept = held.during - held.before, held.after - held.before
        bars.append(Bar.at_most(f"{name}: MB more while they are idle", more, HELD_LIMIT_MB))
        bars.append(Bar.at_most(f"{name}: MB more when they are gone", kept, KEPT_LIMIT_MB))
    columns = ("idle clients", "RSS before, MB", "with them", "after")
    return Report(title="Memory of idle clients", columns=columns, rows=rows, bars=bars)


def _with_gateway(measure: Callable[[Running], Held]) -> Held | None:
    with TemporaryDirectory(prefix="dynogate-bench-") as name:
        server = Running(DYNOGATE, Path(name) / "gateway", core=None)
        try:
            return measure(server)
        except NotServed:
            return None
        finally:
            server.stop()


def _websockets(clients: int, server: Running) -> Held:
    """Connections that made one call each."""
    tried(server.url, WEBSOCKET, server.credentials, 1)
    return asyncio.run(_hold_websockets(clients, server))


async def _hold_websockets(clients: int, server: Running) -> Held:
    before = await asyncio.to_thread(_settled_mb, server)
    gate = asyncio.Semaphore(_AT_ONCE)
    sockets: list[ClientConnection] = []
    async with AsyncExitStack() as open_ones:

        async def come() -> None:
            async with gate:
                socket = await open_ones.enter_async_context(
                    connect(
                        server.url.replace("http:", "ws:", 1) + WEBSOCKET.path,
                        subprotocols=[SUBPROTOCOL],
                        additional_headers=server.credentials,
                        compression=None,
                    )
                )
                await call(socket)
                sockets.append(socket)

        async def call(socket: ClientConnection) -> None:
            await socket.send(WEBSOCKET.body, text=True)
            if not is_result(str(await socket.recv()).encode()):
                raise RuntimeError("a call over a WebSocket failed")

        try:
            await asyncio.gather(*(come() for _ in range(clients)))
        except InvalidStatus as error:
            raise RuntimeError(f"a WebSocket was refused: {error}") from None
        during = await asyncio.to_thread(_settled_mb, server)
        for socket in sockets:  # they were really there all the time
            await call(socket)
    return Held(before, during, await asyncio.to_thread(_settled_mb, server))


def _sessions(clients: int, server: Running) -> Held:
    """Sessions that made one call each, then ended by DELETE."""
    headers = {**MCP_2025.headers, **server.credentials}
    tried(server.url, MCP_2025, server.credentials, 1)

    def come(_: int) -> Headers:
        ours = {**headers, **open_session(server.url, MCP_2025.path, headers)}
        call(ours)
        return ours

    def call(ours: Headers) -> None:
        post(server.url, MCP_2025.path, ours, MCP_2025.body)

    def leave(ours: Headers) -> None:
        post(server.url, MCP_2025.path, ours, b"", method="DELETE")

    before = _settled_mb(server)
    with ThreadPoolExecutor(_AT_ONCE) as pool:
        sessions = list(pool.map(come, range(clients)))
        during = _settled_mb(server)
        list(pool.map(call, sessions))  # they were really there all the time
        list(pool.map(leave, sessions))
    return Held(before, during, _settled_mb(server))


def _settled_mb(server: Running) -> float:
    """Resident memory once it has stopped falling."""
    process = psutil.Process(server.pid)
    least, since = float("inf"), time.monotonic()
    while time.monotonic() - since < _SETTLED_SEC:
        now = process.memory_info().rss / 1e6
        if now < least:
            least, since = now, time.monotonic()
        time.sleep(0.1)
    return process.memory_info().rss / 1e6
