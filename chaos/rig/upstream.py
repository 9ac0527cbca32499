"""What a gateway depends on over HTTP and DNS, in a process of its own, misbehaving as it is told.

- ``GET /value`` is what a tool reads, ``POST /orders/KEY`` what a tool does, once for each key;
- ``GET /keys`` is the issuer's key set, from a file;
- DNS, on port 53 of an address of its own (see `chaos.rig.names`);
- ``PUT /behaviour`` and ``GET /counts`` are for the experiment, and always answered.

A reset is a TCP RST once the whole request has arrived: it was received, and the client cannot
know. Toxiproxy rolls its dice once for each connection, which keep-alive makes one for many
requests; here they are rolled for each request.

    python -m chaos.rig.upstream PORT KEY_SET_FILE [ADDRESS_OF_NAMES]
"""

import asyncio
import contextlib
import random
import socket
import struct
import sys
from collections import Counter
from pathlib import Path

import msgspec

from chaos.rig.names import Answer, NameServer

_MAX_HEAD = 64 * 1024
_MAX_BODY = 1024 * 1024
_RESET_AT_ONCE = struct.pack("ii", 1, 0)  # SO_LINGER: on, 0 seconds


class Behaviour(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """How to be.

    Attributes:
        reset_share: of the requests for values and of orders that end in a reset, 0 to 1.
        names: what names get for an answer; those that are not here are answered well.
    """

    reset_share: float = 0.0
    names: dict[str, Answer] = {}


class Counts(msgspec.Struct):
    """What came since the behaviour was set.

    Attributes:
        values: requests for the value.
        orders: that were placed.
        resets: of both, how many were reset.
        repeated: orders that were placed more than once.
        keys: how often the key set was fetched.
        names: queries for each name.
    """

    values: int = 0
    orders: int = 0
    resets: int = 0
    repeated: int = 0
    keys: int = 0
    names: dict[str, int] = {}


class _Reset(Exception):
    """The answer is a TCP reset."""


class Upstream:
    """The server's state.

    Args:
        key_set: file of the issuer's keys; read for each request.
        names: the name server beside it, if any.
    """

    def __init__(self, key_set: Path, names: NameServer | None = None) -> None:
        self._key_set = key_set
        self._names = names
        self.behave(Behaviour())

    def behave(self, behaviour: Behaviour) -> None:
        """Be like this from here on, and count from 0."""
        self._behaviour = behaviour
        self._dice = random.Random(1)  # noqa: S311  # dice, no secret
        self._counts = Counts()
        self._orders: Counter[str] = Counter()
        if self._names is not None:
            self._names.behave(behaviour.names)

    def counts(self) -> Counts:
        """What came since then."""
        self._counts.repeated = sum(count > 1 for count in self._orders.values())
        if self._names is not None:
            self._counts.names = dict(self._names.queries)
        return self._counts

    async def serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        """One connection, request by request."""
        with contextlib.suppress(ConnectionError, asyncio.IncompleteReadError):
            while True:
                route, body = await _read(reader)
                try:
                    status, answer = self._answer(route, body)
                except _Reset:
                    connection: socket.socket = writer.get_extra_info("socket")
                    connection.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, _RESET_AT_ONCE)
                    writer.transport.abort()
                    return
                head = f"HTTP/1.1 {status} .\r\ncontent-type: application/json\r\n"
                writer.write(f"{head}content-length: {len(answer)}\r\n\r\n".encode() + answer)
                await writer.drain()
        writer.close()

    def _answer(self, route: str, body: bytes) -> tuple[int, bytes]:
        method, _, path = route.partition(" ")
        if route == "GET /value":
            self._counts.values += 1
            self._roll()
            return 200, b'{"value":42}'
        if method == "POST" and path.startswith("/orders/"):
            self._counts.orders += 1
            self._orders[path] += 1
            self._roll()
            return 201, b'{"placed":true}'
        if route == "GET /keys":
            self._counts.keys += 1
            return 200, self._key_set.read_bytes()
        if route == "GET /counts":
            return 200, msgspec.json.encode(self.counts())
        if route == "PUT /behaviour":
            try:
                self.behave(msgspec.json.decode(body, type=Behaviour))
            except msgspec.DecodeError as error:
                return 400, msgspec.json.encode(str(error))
            return 200, msgspec.json.encode(self._behaviour)
        return 404, b"{}"

    def _roll(self) -> None:
        if self._dice.random() < self._behaviour.reset_share:
            self._counts.resets += 1
            raise _Reset


async def _read(reader: asyncio.StreamReader) -> tuple[str, bytes]:
    """Method and path of the next request, and its body."""
    first, *lines = (await reader.readuntil(b"\r\n\r\n")).decode("latin-1").split("\r\n")
    headers = {name.lower(): value for name, _, value in (line.partition(":") for line in lines)}
    size = min(int(headers.get("content-length", "0")), _MAX_BODY)
    return first.rpartition(" ")[0], await reader.readexactly(size)


async def run(port: int, key_set: Path, names: str | None) -> None:
    """Serve until cancelled.

    Raises:
        OSError: the port, or port 53 of ``names``, cannot be bound.
    """
    nameserver = None
    if names is not None:
        _, nameserver = await asyncio.get_running_loop().create_datagram_endpoint(
            NameServer, local_addr=(names, 53)
        )
    upstream = Upstream(key_set, nameserver)
    server = await asyncio.start_server(upstream.serve, "127.0.0.1", port, limit=_MAX_HEAD)
    async with server:
        await server.serve_forever()


def main() -> None:
    """Serve until somebody says to end."""
    port, key_set, *names = sys.argv[1:]
    asyncio.run(run(int(port), Path(key_set), names[0] if names else None))


if __name__ == "__main__":
    main()
