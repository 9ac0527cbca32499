"""Asking another server: what is sent again, what is not, and how long it may take."""

import asyncio
import time
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager, suppress

import pytest

from dynogate.errors import CircuitOpen, UpstreamFailed
from dynogate.resilience.http import Upstream
from dynogate.resilience.policy import Policy

POLICY = Policy(timeout_sec=5.0, retries=2, failures=5, recovery_sec=60.0)
OK = b'HTTP/1.1 200 OK\r\ncontent-length: 11\r\n\r\n{"good": 1}'


class Server:
    """Answers each request with the next of ``answers``, the last one for ever.

    An answer is bytes, after which the connection is closed, or None for silence.
    """

    def __init__(self, *answers: bytes | None) -> None:
        self.heads: list[bytes] = []
        self._answers = list(answers)
        self.tasks: list[asyncio.Task[None]] = []

    async def serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        task = asyncio.current_task()
        assert task is not None
        self.tasks.append(task)
        self.heads.append(await reader.readuntil(b"\r\n\r\n"))
        answer = self._answers[min(len(self.heads), len(self._answers)) - 1]
        if answer is None:
            await reader.read()
        else:
            writer.write(answer)
        writer.close()
        with suppress(ConnectionError):
            await writer.wait_closed()


@asynccontextmanager
async def upstream(
    *answers: bytes | None, policy: Policy = POLICY, max_bytes: int = 1000
) -> AsyncIterator[tuple[Upstream, Server]]:
    server = Server(*answers)
    listening = await asyncio.start_server(server.serve, "127.0.0.1", 0)
    port = listening.sockets[0].getsockname()[1]
    asked = Upstream("demo", f"http://127.0.0.1:{port}", policy, max_bytes=max_bytes)
    try:
        yield asked, server
    finally:
        await asked.close()
        listening.close()
        await listening.wait_closed()
        await asyncio.gather(*server.tasks)


def answer(status: int, headers: str = "") -> bytes:
    return f"HTTP/1.1 {status} X\r\n{headers}content-length: 0\r\n\r\n".encode()


async def test_what_it_answers_is_told() -> None:
    """Status, headers and body; a status below 500 is an answer, whatever it says."""
    async with upstream(OK, answer(404, "x-why: none\r\n")) as (asked, server):
        reply = await asked.get("/one?two=3", headers={"x-trace": "7"})
        assert (reply.status, reply.json()) == (200, {"good": 1})
        assert server.heads[0].startswith(b"GET /one?two=3 HTTP/1.1\r\n")
        assert b"x-trace: 7\r\n" in server.heads[0]
        assert b"accept-encoding: identity\r\n" in server.heads[0]
        reply = await asked.get("/")
        assert (reply.status, reply.headers["X-Why"]) == (404, "none")
        with pytest.raises(UpstreamFailed, match="no JSON"):
            reply.json()


HALF = OK[:-3]


@pytest.mark.parametrize("bad", [b"", HALF, b"nonsense\r\n\r\n", answer(429), answer(503)])
async def test_what_failed_is_asked_again(bad: bytes) -> None:
    """No answer, half of one, no HTTP, and whoever says to come back."""
    async with upstream(bad, bad, OK) as (asked, server):
        assert (await asked.get("/")).status == 200
        assert len(server.heads) == 3
    async with upstream(bad) as (asked, server):
        with pytest.raises(UpstreamFailed, match="demo"):
            await asked.get("/")
        assert len(server.heads) == 3


async def test_what_is_not_idempotent_is_sent_once() -> None:
    """As its method says, unless whoever sends it knows better."""
    async with upstream(b"", b"", OK) as (asked, server):
        with pytest.raises(UpstreamFailed):
            await asked.request("POST", "/", content=b"x")
        assert len(server.heads) == 1
        reply = await asked.request("POST", "/", content=b"x", idempotent=True)
        assert (reply.status, len(server.heads)) == (200, 3)


async def test_who_says_when_to_come_back_is_heeded() -> None:
    """Where that is in time; else it is told at once, for the caller to heed."""
    async with upstream(answer(503, "retry-after: 1\r\n"), OK) as (asked, _):
        start = time.monotonic()
        assert (await asked.get("/")).status == 200
        assert time.monotonic() - start >= 1
    async with upstream(answer(503, "retry-after: 30\r\n")) as (asked, server):
        with pytest.raises(UpstreamFailed) as caught:
            await asked.get("/")
        assert (caught.value.retry_after, caught.value.answered) == (30.0, 503)
        assert len(server.heads) == 1


async def test_silence_is_waited_for_no_longer_than_told() -> None:
    """With retries and all; then the circuit opens, and nothing is sent."""
    policy = Policy(timeout_sec=0.3, retries=5, failures=2, recovery_sec=60.0)
    async with upstream(None, policy=policy) as (asked, server):
        for _ in range(2):
            start = time.monotonic()
            with pytest.raises(UpstreamFailed, match=r"within 0\.3 s"):
                await asked.get("/")
            assert time.monotonic() - start < 0.6
        with pytest.raises(CircuitOpen, match="demo"):
            await asked.get("/")
        assert len(server.heads) == 2


async def test_a_server_that_is_not_there() -> None:
    """Refused connections are repeated, and open the circuit between retries."""
    async with upstream(OK) as (asked, _):
        pass
    policy = Policy(timeout_sec=5.0, retries=5, failures=3, recovery_sec=60.0)
    gone = Upstream("gone", asked._url, policy)
    with pytest.raises(CircuitOpen):
        await gone.get("/")
    assert gone.breaker.state == "open"
    await gone.close()


@pytest.mark.parametrize(
    "asking",
    [
        lambda asked: asked.get("/"),
        lambda asked: asked.request("POST", "/"),
    ],
)
async def test_wrong_requests_open_no_circuit(
    asking: Callable[[Upstream], asyncio.Future[object]],
) -> None:
    """What answers 4xx is there; so is what answers too much, which is not asked for it again."""
    policy = Policy(timeout_sec=5.0, retries=2, failures=1, recovery_sec=60.0)
    long = b"HTTP/1.1 200 OK\r\ncontent-length: 2000\r\n\r\n" + b"x" * 2000
    async with upstream(answer(400), long, policy=policy) as (asked, server):
        await asking(asked)
        with pytest.raises(UpstreamFailed, match="more than 1000 bytes"):
            await asking(asked)
        assert len(server.heads) == 2
        assert asked.breaker.state == "closed"


async def test_a_fault_of_the_server_is_not_repeated_but_counted() -> None:
    """500: it would likely fail again, and says that it is in trouble."""
    async with upstream(answer(500)) as (asked, server):
        for _ in range(5):
            with pytest.raises(UpstreamFailed, match="answers 500"):
                await asked.get("/")
        with pytest.raises(CircuitOpen):
            await asked.get("/")
        assert len(server.heads) == 5
