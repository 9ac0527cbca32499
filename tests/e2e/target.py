"""A gateway to attack over raw sockets, and what it is made of before and after."""

import asyncio
import contextlib
import json
import re
from collections.abc import Iterable, Iterator
from contextlib import closing, contextmanager
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from pathlib import Path
from urllib.parse import urlsplit

import httpx2
import psutil

from dynogate.app import open_database
from dynogate.settings import load_settings
from dynogate.store.keys import KeyTable
from tests.issuer import GATEWAY, ISSUER, Issuer
from tests.live import Live, as_process

TIMEOUT_SEC = 1.0
"""What a client of the target has for a head, and then for a body."""

_TASKS = re.compile(r"^dynogate_event_loop_tasks (\S+)$", re.MULTILINE)
_HEAD = re.compile(rb"HTTP/1\.1 (\d+) [^\r\n]*\r\n((?:[^\r\n]+\r\n)*)\r\n")


@dataclass(frozen=True)
class Figures:
    """What the process holds."""

    rss_mb: float
    files: int
    threads: int
    tasks: int


@dataclass(frozen=True)
class Target:
    """A gateway in a process of its own, with keys to it.

    Attributes:
        issuer: issues tokens that are taken, too.
        key, other: good keys of two clients.
        expired, revoked: keys that were good once.
    """

    live: Live
    client: httpx2.Client
    issuer: Issuer
    key: str
    other: str
    expired: str
    revoked: str

    @property
    def address(self) -> tuple[str, int]:
        """Where it listens."""
        where = urlsplit(self.live.url)
        return str(where.hostname), int(where.port or 0)

    def figures(self) -> Figures:
        """What the process holds now."""
        assert self.live.process is not None
        process = psutil.Process(self.live.process.pid)
        headers = {"authorization": f"Bearer {self.key}"}
        told = self.client.get(f"{self.live.url}/metrics", headers=headers).text
        tasks = _TASKS.search(told)
        assert tasks is not None
        with process.oneshot():
            return Figures(
                process.memory_info().rss / 2**20,
                process.num_fds(),
                process.num_threads(),
                int(float(tasks[1])),
            )

    def send(self, *pieces: bytes, pause_sec: float = 0.0, seconds: float = 6.0) -> str:
        """Send raw bytes over one connection, and tell what came back, a word or two an answer.

        ``400 -32700`` is an HTTP status and the code of a JSON-RPC error, ``200 result`` an answer
        with a result, ``closed`` the end of the connection, ``open`` that nothing more came and it
        was still open after ``seconds``.
        """
        return asyncio.run(_exchange(self.address, pieces, pause_sec, seconds))


async def _exchange(
    address: tuple[str, int], pieces: Iterable[bytes], pause_sec: float, seconds: float
) -> str:
    reader, writer = await asyncio.open_connection(*address)

    async def write() -> None:
        with contextlib.suppress(ConnectionError):
            for piece in pieces:
                writer.write(piece)
                await writer.drain()
                await asyncio.sleep(pause_sec)

    writing = asyncio.ensure_future(write())
    data, end = b"", "open"
    with contextlib.suppress(TimeoutError):
        async with asyncio.timeout(seconds):
            try:
                while received := await reader.read(1 << 16):
                    data += received
                    if _is_whole(data):  # then what a smuggled request gets comes at once
                        async with asyncio.timeout(0.1):
                            data += await reader.read(1 << 16)
                        break
                end = "closed"
            except ConnectionError:
                end = "closed"
    writing.cancel()
    writer.close()
    told = list(_answers(data))
    return " + ".join(told if told else [end])


def _is_whole(data: bytes) -> bool:
    return bool(list(_answers(data)))


def _answers(data: bytes) -> Iterator[str]:
    """Each whole answer in what was received."""
    while head := _HEAD.search(data):
        fields = head[2].lower().decode("latin-1")
        length = re.search(r"content-length: (\d+)", fields)
        body, data = data[head.end() :], b""
        if length is not None:
            size = int(length[1])
            if len(body) < size:
                return
            body, data = body[:size], body[size:]
        yield f"{head[1].decode()} {code_of(body)}".strip()


def code_of(body: bytes) -> str:
    """What a body says: the code of an error, or ``result``."""
    try:
        told = json.loads(body)
    except ValueError:
        return ""
    if not isinstance(told, dict):
        return "batch"
    if "error" in told:
        error = told["error"]
        return str(error["code"] if isinstance(error, dict) else error)
    return "result" if "result" in told else ""


@contextmanager
def target(folder: Path) -> Iterator[Target]:
    """Start a gateway that asks for keys or tokens, with the toys of the tests."""
    with Issuer() as issuer:
        yield from _target(folder, issuer)


def _target(folder: Path, issuer: Issuer) -> Iterator[Target]:
    with closing(open_database(load_settings(data_dir=folder))) as database:
        keys, scopes = KeyTable(database), ["tools:read", "tools:execute"]
        long_ago = datetime.now(UTC) - timedelta(days=1)
        revoked, revoked_text = keys.create("revoked", scopes)
        keys.revoke(revoked.id)
        texts = (
            keys.create("one", scopes)[1],
            keys.create("other", scopes)[1],
            keys.create("expired", scopes, long_ago)[1],
            revoked_text,
        )
    env = {
        "DYNOGATE_TOOLSETS": "tests.toolset:toolset",
        "DYNOGATE_RATE_LIMIT": "off",
        "DYNOGATE_BODY_TIMEOUT_SEC": str(TIMEOUT_SEC),
        "DYNOGATE_HEAD_TIMEOUT_SEC": str(TIMEOUT_SEC),
        "DYNOGATE_MAX_SESSIONS_PER_CLIENT": "8",
        "DYNOGATE_PUBLIC_URL": GATEWAY,
        "DYNOGATE_JWT_ISSUER": ISSUER,
        "DYNOGATE_JWT_JWKS_URL": issuer.url,
    }
    # one connection for all looks, so that it is always counted
    with as_process(folder, env=env) as live, httpx2.Client() as client:
        yield Target(live, client, issuer, *texts)
