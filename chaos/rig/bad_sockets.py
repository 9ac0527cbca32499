"""Clients that keep the gateway waiting: many sockets of one kind, and what becomes of them."""

import contextlib
import itertools
import json
import os
import socket
import threading
import time
from base64 import b64encode
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Literal, get_args

from dynogate.errors import RigFailed

Kind = Literal["no bytes", "slow head", "slow body", "silent websocket", "slow reader"]

_DRIP_SEC = 0.5
_LOOK_SEC = 0.25
_RECEIVE_BUFFER = 4096
_READERS_ANSWER = 1_000_000
_READERS_CALLS = 3
# Between one and the next: to open them, and to make a reader's answer, is work, and no wait.
_PAUSE_SEC = 0.005
_READERS_PAUSE_SEC = 0.1

_HEAD = b"POST /mcp/tools/call HTTP/1.1\r\nhost: 127.0.0.1\r\ncontent-type: application/json\r\n"


def _call(size: int) -> bytes:
    call = {"jsonrpc": "2.0", "id": 1, "method": "echo", "params": {"size": size}}
    body = json.dumps(call).encode()
    return b"%bcontent-length: %d\r\n\r\n%b" % (_HEAD, len(body), body)


def _handshake() -> bytes:
    key = b64encode(os.urandom(16))
    head = b"GET /ws HTTP/1.1\r\nhost: 127.0.0.1\r\nconnection: Upgrade\r\nupgrade: websocket\r\n"
    return head + b"sec-websocket-version: 13\r\nsec-websocket-key: %b\r\n\r\n" % key


_FIRST: Mapping[Kind, Callable[[], bytes]] = {
    "no bytes": lambda: b"",
    "slow head": lambda: _HEAD,
    "slow body": lambda: _HEAD + b"content-length: 100000\r\n\r\n{",
    "silent websocket": _handshake,
    "slow reader": lambda: _call(_READERS_ANSWER) * _READERS_CALLS,
}
"""What is sent at once. A slow reader asks for more than fits into the kernel's buffers."""

_DRIPS: Mapping[Kind, bytes] = {"slow head": b"x-a: b\r\n", "slow body": b" "}
"""What goes on to be sent, a byte at a time."""


_CONNECTED = {"01", "08"}
"""Of the kernel's states of a TCP socket (include/net/tcp_states.h): established, and closed by
the other side only. In these two nobody here has closed it."""


@dataclass(frozen=True, slots=True)
class Fate:
    """What became of the sockets of one kind.

    Attributes:
        opened: how many there were.
        held: how many of them the gateway still holds.
        slowest: seconds from the opening of one until the gateway let go of it, at most.
    """

    opened: int
    held: int
    slowest: float


class BadSockets:
    """Sockets of some kinds, looked after by a thread until they are closed.

    Which of them the gateway holds is read from the kernel's table: a client that reads nothing
    does not see its connection end.

    Args:
        kinds: what they do, or leave, and how many of each.
        port: the gateway's.
    """

    def __init__(self, kinds: Mapping[Kind, int], port: int) -> None:
        unknown = set(kinds) - set(get_args(Kind))
        if unknown:
            raise RigFailed(f"there is no kind {unknown}; there are {', '.join(get_args(Kind))}")
        self._port = port
        self._sockets: dict[Kind, list[socket.socket]] = {}
        self._opened_at: dict[int, float] = {}
        self._gone_at: dict[int, float] = {}
        self._over = threading.Event()
        try:
            for kind, count in kinds.items():
                self._open(kind, count)
        except OSError as error:
            self._close_all()
            raise RigFailed(f"the sockets could not be opened: {error}") from error
        self._thread = threading.Thread(target=self._look_after, name="bad sockets")
        self._thread.start()

    def _open(self, kind: Kind, count: int) -> None:
        ours = self._sockets[kind] = []
        for _ in range(count):
            ours.append(_opened(self._port, _FIRST[kind]()))
            self._opened_at[ours[-1].getsockname()[1]] = time.monotonic()
            time.sleep(_READERS_PAUSE_SEC if kind == "slow reader" else _PAUSE_SEC)

    def held(self) -> dict[Kind, int]:
        """How many of each kind the gateway holds now."""
        held = _held(self._port)
        return {kind: len(held & _ports(ours)) for kind, ours in self._sockets.items()}

    def fates(self, within: float) -> dict[Kind, Fate]:
        """What became of each kind.

        Args:
            within: seconds to wait until the gateway has let go of all of them.
        """
        deadline = time.monotonic() + within
        while len(self._gone_at) < len(self._opened_at) and time.monotonic() < deadline:
            time.sleep(_LOOK_SEC)
        return {kind: self._fate(_ports(ours)) for kind, ours in self._sockets.items()}

    def _fate(self, ports: set[int]) -> Fate:
        gone = ports & self._gone_at.keys()
        slowest = max((self._gone_at[each] - self._opened_at[each] for each in gone), default=0.0)
        return Fate(len(ports), len(ports) - len(gone), slowest)

    def close(self) -> None:
        """Close what is still open."""
        self._over.set()
        self._thread.join()
        self._close_all()

    def _close_all(self) -> None:
        for each in itertools.chain.from_iterable(self._sockets.values()):
            each.close()

    def _look_after(self) -> None:
        drips = {kind: itertools.cycle(text) for kind, text in _DRIPS.items()}
        next_drip = time.monotonic()
        while not self._over.wait(_LOOK_SEC):
            now = time.monotonic()
            if now >= next_drip:
                next_drip = now + _DRIP_SEC
                for kind in drips.keys() & self._sockets.keys():
                    _send(self._sockets[kind], bytes([next(drips[kind])]))
            held = _held(self._port)
            for port in _ports(itertools.chain.from_iterable(self._sockets.values())) - held:
                self._gone_at.setdefault(port, now)


def _ports(sockets: Iterable[socket.socket]) -> set[int]:
    return {each.getsockname()[1] for each in sockets}


def _held(port: int) -> set[int]:
    """The other ends' ports of the connections to ``port`` that nobody closed on its side."""
    found = set()
    for line in Path("/proc/net/tcp").read_text().splitlines()[1:]:
        _, local, remote, state, *_ = line.split()
        if state in _CONNECTED and int(local.rpartition(":")[2], 16) == port:
            found.add(int(remote.rpartition(":")[2], 16))
    return found


def _send(sockets: Iterable[socket.socket], data: bytes) -> None:
    for each in sockets:
        with contextlib.suppress(OSError):  # closed by the gateway, as it should be
            each.send(data)


def _opened(port: int, first: bytes) -> socket.socket:
    made = socket.socket()
    made.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, _RECEIVE_BUFFER)
    made.settimeout(5)
    made.connect(("127.0.0.1", port))
    if first:
        made.sendall(first)
    return made
