"""Writes that leave together."""

import asyncio
from typing import Any

_TOGETHER_AT_MOST = 64 * 1024  # bytes: asyncio's high-water mark, where writers are told to wait


class JoinedWrites(asyncio.Transport):
    """A transport that sends as one piece what is written in one turn of the event loop.

    Whatever is written apart costs a system call and the way through the network stack each time.
    Answers to several clients leave one right after another, too, once all calls of the turn are
    done: written in between, each wakes its reader anew, which made a small call a fifth dearer.
    """

    __slots__ = ("_loop", "_pieces", "_size", "_transport")

    def __init__(self, transport: asyncio.Transport, loop: asyncio.AbstractEventLoop) -> None:
        self._transport = transport
        self._loop = loop
        self._pieces: list[bytes | bytearray | memoryview] = []
        self._size = 0

    def write(self, data: bytes | bytearray | memoryview) -> None:
        """Send ``data``, at the latest in the next turn of the loop."""
        if not self._pieces:
            self._loop.call_soon(self._send)
        self._pieces.append(data)
        self._size += len(data)
        if self._size > _TOGETHER_AT_MOST:
            self._send()

    def _send(self) -> None:
        pieces = self._pieces
        if pieces:
            self._pieces, self._size = [], 0
            self._transport.write(pieces[0] if len(pieces) == 1 else b"".join(pieces))

    def unwrap(self) -> asyncio.Transport:
        """The transport beneath, once it was given what waits."""
        self._send()
        return self._transport

    def close(self) -> None:
        """Close once everything was sent."""
        self._send()
        self._transport.close()

    def abort(self) -> None:
        """Close at once."""
        self._pieces, self._size = [], 0
        self._transport.abort()

    def get_write_buffer_size(self) -> int:
        """Bytes that were not sent yet."""
        return self._size + self._transport.get_write_buffer_size()

    def is_closing(self) -> bool:
        """Whether it is closed or about to be."""
        return self._transport.is_closing()

    def is_reading(self) -> bool:
        """Whether the protocol is given what arrives."""
        return self._transport.is_reading()

    def pause_reading(self) -> None:
        """Leave what arrives where it is."""
        self._transport.pause_reading()

    def resume_reading(self) -> None:
        """Read on."""
        self._transport.resume_reading()

    def set_write_buffer_limits(self, high: int | None = None, low: int | None = None) -> None:
        """Say when writers have to wait."""
        self._transport.set_write_buffer_limits(high, low)

    def get_protocol(self) -> asyncio.BaseProtocol:
        """Who is given what arrives."""
        return self._transport.get_protocol()

    def set_protocol(self, protocol: asyncio.BaseProtocol) -> None:
        """Give what arrives to ``protocol``."""
        self._transport.set_protocol(protocol)

    def get_extra_info(self, name: str, default: Any = None) -> Any:
        """What is known of the connection."""
        return self._transport.get_extra_info(name, default)
