"""Servers for load tests: a good one as a process of its own, and bad ones on raw sockets."""

import asyncio
import contextlib
import json
import os
import queue
import re
import ssl
import subprocess
import sys
import threading
from collections.abc import Awaitable, Callable, Iterator
from dataclasses import dataclass
from typing import TypeAlias

Reader: TypeAlias = asyncio.StreamReader
Writer: TypeAlias = asyncio.StreamWriter
Behaviour = Callable[[bytes, Reader, Writer], Awaitable[None]]


@dataclass
class Served:
    """A server that answers at ``url``, in process ``pid``."""

    url: str
    pid: int


@contextlib.contextmanager
def good(**env: str) -> Iterator[Served]:
    """``tests.load.app`` in a process of its own."""
    process = subprocess.Popen(
        [sys.executable, "-m", "tests.load.app"],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        env={**os.environ, **env},
        text=True,
    )
    assert process.stdin is not None
    assert process.stdout is not None
    try:
        port = int(process.stdout.readline())
        yield Served(f"http://127.0.0.1:{port}", process.pid)
    finally:
        process.stdin.close()
        try:
            process.wait(20)
        finally:
            process.kill()
            process.stdout.close()


@contextlib.contextmanager
def raw(behaviour: Behaviour, tls: ssl.SSLContext | None = None) -> Iterator[str]:
    """A server on a raw socket: ``behaviour`` gets each request's body and the connection."""
    ports: queue.Queue[int] = queue.Queue()
    thread = threading.Thread(target=lambda: asyncio.run(serve()))
    stopped = asyncio.Event()
    loops: list[asyncio.AbstractEventLoop] = []
    open_ones: set[asyncio.Task[None]] = set()

    async def serve() -> None:
        loops.append(asyncio.get_running_loop())
        server = await asyncio.start_server(accepted, "127.0.0.1", 0, ssl=tls)
        ports.put(server.sockets[0].getsockname()[1])
        await stopped.wait()
        server.close()
        for task in open_ones:
            task.cancel()
        await asyncio.gather(*open_ones, return_exceptions=True)

    def accepted(reader: Reader, writer: Writer) -> None:
        task = asyncio.create_task(connected(reader, writer))
        open_ones.add(task)
        task.add_done_callback(open_ones.discard)

    async def connected(reader: Reader, writer: Writer) -> None:
        with contextlib.suppress(ConnectionError, asyncio.IncompleteReadError):
            try:
                while not writer.is_closing():
                    await behaviour(await _request(reader), reader, writer)
                    await writer.drain()
            finally:
                writer.close()
                await writer.wait_closed()

    thread.start()
    try:
        yield f"http://127.0.0.1:{ports.get(timeout=10)}"
    finally:
        loops[0].call_soon_threadsafe(stopped.set)
        thread.join(10)


async def _request(reader: Reader) -> bytes:
    """The body of the next request."""
    head = await reader.readuntil(b"\r\n\r\n")
    length = re.search(rb"content-length: (\d+)", head, re.IGNORECASE)
    return await reader.readexactly(int(length[1]) if length else 0)


def respond(
    writer: Writer,
    body: bytes,
    status: str = "200 OK",
    kind: str = "application/json",
    **headers: str,
) -> None:
    """A whole response."""
    more = "".join(f"{name.replace('_', '-')}: {value}\r\n" for name, value in headers.items())
    head = f"HTTP/1.1 {status}\r\ncontent-type: {kind}\r\n{more}content-length: {len(body)}\r\n\r\n"
    writer.write(head.encode() + body)


def result(request: bytes, **fields: object) -> bytes:
    """A good JSON-RPC response to ``request``, with other fields where given."""
    good = {
        "jsonrpc": "2.0",
        "id": json.loads(request or b"{}").get("id"),
        "result": {"content": []},
    }
    return json.dumps({**good, **fields}).encode()


async def html(body: bytes, _: Reader, writer: Writer) -> None:
    respond(writer, b"<html><body>Welcome</body></html>", kind="text/html")


async def not_found(body: bytes, _: Reader, writer: Writer) -> None:
    respond(writer, b"no such page", "404 Not Found", "text/plain")


async def elsewhere(body: bytes, _: Reader, writer: Writer) -> None:
    respond(writer, b"", "307 Temporary Redirect", location="http://169.254.169.254/")


async def error_with_200(body: bytes, _: Reader, writer: Writer) -> None:
    answer = json.loads(result(body))
    del answer["result"]
    answer["error"] = {"code": -32603, "message": "internal"}
    respond(writer, json.dumps(answer).encode())


async def tool_error(body: bytes, _: Reader, writer: Writer) -> None:
    respond(writer, result(body, result={"content": [], "isError": True}))


async def wrong_id(body: bytes, _: Reader, writer: Writer) -> None:
    respond(writer, result(body, id=7))


async def cut_off(body: bytes, _: Reader, writer: Writer) -> None:
    """Says that more is to come, and closes."""
    answer = result(body)
    head = f"HTTP/1.1 200 OK\r\ncontent-length: {len(answer)}\r\n\r\n".encode()
    writer.write(head + answer[: len(answer) // 2])
    await writer.drain()
    writer.close()


async def truncated(body: bytes, _: Reader, writer: Writer) -> None:
    """A whole response whose JSON is not."""
    respond(writer, result(body)[:-5])


async def hangs(body: bytes, _: Reader, writer: Writer) -> None:
    await asyncio.sleep(60)


async def hangs_up(body: bytes, _: Reader, writer: Writer) -> None:
    writer.close()


async def no_http(body: bytes, _: Reader, writer: Writer) -> None:
    writer.write(b"220 mail.example.org ESMTP\r\n\r\n")


async def limits(body: bytes, _: Reader, writer: Writer) -> None:
    respond(writer, b"slow down", "429 Too Many Requests", "text/plain", retry_after="0.2")


async def sheds(body: bytes, _: Reader, writer: Writer) -> None:
    respond(writer, b"busy", "503 Service Unavailable", "text/plain")


async def chunked(body: bytes, _: Reader, writer: Writer) -> None:
    """A good answer in chunks, one of them late."""
    answer = result(body)
    writer.write(b"HTTP/1.1 200 OK\r\ntransfer-encoding: chunked\r\n\r\n")
    writer.write(b"5;note=x\r\n" + answer[:5] + b"\r\n")
    await writer.drain()
    await asyncio.sleep(0.01)
    writer.write(b"%x\r\n%b\r\n0\r\n\r\n" % (len(answer) - 5, answer[5:]))


async def until_close(body: bytes, _: Reader, writer: Writer) -> None:
    """A good answer without a length, ended by closing."""
    writer.write(b"HTTP/1.1 200 OK\r\n\r\n" + result(body))
    await writer.drain()
    writer.close()


async def one_each(body: bytes, _: Reader, writer: Writer) -> None:
    """A good answer, and no keep-alive."""
    respond(writer, result(body), connection="close")
    await writer.drain()
    writer.close()


async def in_pieces(body: bytes, _: Reader, writer: Writer) -> None:
    """A good answer, its head and its body cut in two."""
    answer = result(body)
    whole = b"HTTP/1.1 200 OK\r\nContent-Length: %d\r\n\r\n%b" % (len(answer), answer)
    for part in (whole[:10], whole[10:40], whole[40:60], whole[60:]):
        writer.write(part)
        await writer.drain()
        await asyncio.sleep(0.005)


async def events(body: bytes, _: Reader, writer: Writer) -> None:
    """A good answer as the second of two server-sent events."""
    note = b'{"jsonrpc":"2.0","method":"notifications/progress","params":{"progress":1}}'
    stream = b": ping\n\ndata: %b\n\nid: 1\r\ndata: %b\r\n\r\n" % (note, result(body))
    respond(writer, stream, kind="text/event-stream")
