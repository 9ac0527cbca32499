"""The way of a session's requests from the process that got them to the one that has the session.

Server processes that share a port get connections by chance, but a session lives in one of them:
there are its streams, its calls, and the tools that wait for an answer of its client. So its id
begins with a name of that process, and the others hand its requests on, through Unix sockets in
``run_dir``, with the caller as their own guards found them.
"""

import asyncio
import contextlib
import os
import re
from collections.abc import Awaitable, Callable, MutableMapping
from pathlib import Path
from typing import Any

import msgspec

from dynogate.errors import ConfigurationError, UnknownSession
from dynogate.guards.body import Receive
from dynogate.guards.caller import Caller
from dynogate.telemetry.logs import get_logger
from dynogate.transports.responses import Send
from dynogate.wire.headers import McpHeaders

_WORKER = re.compile(r"[0-9a-f]{8}")
_MAX_PATH = 107  # bytes, of struct sockaddr_un
_LENGTH = 4  # bytes that tell how many follow


class Relayed(msgspec.Struct):
    """A request on its way to another process; ``body`` is None where it has none."""

    method: str
    headers: McpHeaders
    caller: Caller
    body: bytes | None


class _Sent(msgspec.Struct, rename={"kind": "type"}, omit_defaults=True):
    """A message of ASGI on its way back."""

    kind: str
    status: int = 0
    headers: list[tuple[bytes, bytes]] = []
    body: bytes = b""
    more_body: bool = False


Serve = Callable[[Relayed, Receive, Send], Awaitable[None]]

log = get_logger(__name__)

_encoder = msgspec.msgpack.Encoder()
_relayed = msgspec.msgpack.Decoder(Relayed)
_sent = msgspec.msgpack.Decoder(_Sent)


class Relay:
    """This process among those that share a port.

    Args:
        folder: where they meet; only this user may be able to write there.
        worker: what this one is called.

    Raises:
        ConfigurationError: the folder's path is too long for Unix sockets.
    """

    def __init__(self, folder: Path, worker: str) -> None:
        if len(os.fsencode(folder / worker)) > _MAX_PATH:
            raise ConfigurationError(
                f"DYNOGATE_RUN_DIR: {str(folder)!r} is too long for Unix sockets; choose a path of "
                f"at most {_MAX_PATH - len(worker) - 1} bytes"
            )
        self._folder = folder
        self._worker = worker

    def owner(self, session_id: str | None) -> str | None:
        """The other process that has this session; None where this one would."""
        worker = (session_id or "").partition("-")[0]
        return worker if worker != self._worker and _WORKER.fullmatch(worker) else None

    async def run(self, serve: Serve) -> None:
        """Serve what other processes hand on, until cancelled."""

        async def connected(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
            with contextlib.closing(writer), contextlib.suppress(OSError, EOFError):
                call = _relayed.decode(await _read(reader))
                await serve(call, _receiving(reader), _sending(writer))

        path = self._folder / self._worker
        try:
            server = await asyncio.start_unix_server(connected, path)
        except OSError as error:
            log.error("other processes cannot hand requests on to this one", problem=str(error))
            return
        try:
            path.chmod(0o600)
            await server.serve_forever()
        finally:
            server.close()
            path.unlink(missing_ok=True)

    async def hand_on(self, owner: str, call: Relayed, send: Send) -> None:
        """Have ``owner`` serve ``call``; being cancelled hangs up.

        Raises:
            UnknownSession: there is no such process (any more), and so no such session.
        """
        try:
            reader, writer = await asyncio.open_unix_connection(self._folder / owner)
        except OSError:
            raise _gone() from None
        with contextlib.closing(writer):
            try:
                await _write(writer, _encoder.encode(call))
            except OSError:
                raise _gone() from None
            await _bring_back(reader, send)


async def _bring_back(reader: asyncio.StreamReader, send: Send) -> None:
    begun = False
    while True:
        try:
            sent = _sent.decode(await _read(reader))
        except (OSError, EOFError):
            if begun:
                return  # cut off, so that the client sees it, too
            raise _gone() from None
        begun = True
        if sent.kind == "http.response.start":
            await send({"type": sent.kind, "status": sent.status, "headers": sent.headers})
            continue
        await send({"type": sent.kind, "body": sent.body, "more_body": sent.more_body})
        if not sent.more_body:
            return


def _gone() -> UnknownSession:
    return UnknownSession("the process that had this session has ended: send initialize again")


def _receiving(reader: asyncio.StreamReader) -> Receive:
    async def receive() -> MutableMapping[str, Any]:
        await reader.read()  # nothing more is sent; this ends when the client hangs up
        return {"type": "http.disconnect"}

    return receive


def _sending(writer: asyncio.StreamWriter) -> Send:
    async def send(message: MutableMapping[str, Any]) -> None:
        await _write(writer, _encoder.encode(message))

    return send


async def _read(reader: asyncio.StreamReader) -> bytes:
    length = int.from_bytes(await reader.readexactly(_LENGTH), "big")
    return await reader.readexactly(length)


async def _write(writer: asyncio.StreamWriter, data: bytes) -> None:
    writer.write(len(data).to_bytes(_LENGTH, "big") + data)
    await writer.drain()
