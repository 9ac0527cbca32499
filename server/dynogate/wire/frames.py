"""The frames of WebSocket (RFC 6455) as a server sees them: bytes to messages, and back.

No extension is spoken: what a client sends is as big as it claims to be.
"""

import struct
from dataclasses import dataclass
from typing import Final

from websockets.frames import apply_mask  # type: ignore[attr-defined]  # in C where it was built

CONTINUATION: Final = 0x0
TEXT: Final = 0x1
BINARY: Final = 0x2
CLOSE: Final = 0x8
PING: Final = 0x9
PONG: Final = 0xA
_DATA = frozenset({CONTINUATION, TEXT, BINARY})
_CONTROL = frozenset({CLOSE, PING, PONG})
_MAX_CONTROL = 125  # section 5.5

# Section 7.4.1, and the registry that it opens.
NORMAL: Final = 1000
GOING_AWAY: Final = 1001
PROTOCOL_ERROR: Final = 1002
UNSUPPORTED_DATA: Final = 1003
NO_STATUS: Final = 1005
ABNORMAL: Final = 1006
INVALID_DATA: Final = 1007
POLICY_VIOLATION: Final = 1008
TOO_BIG: Final = 1009
INTERNAL_ERROR: Final = 1011
SERVICE_RESTART: Final = 1012
TRY_AGAIN_LATER: Final = 1013
_MAY_BE_SENT = frozenset({1000, 1001, 1002, 1003, 1007, 1008, 1009, 1010, 1011, 1012, 1013, 1014})
KNOWN_CODES = _MAY_BE_SENT | {NO_STATUS, ABNORMAL}


@dataclass(frozen=True, slots=True)
class Closing:
    """Why a connection ends."""

    code: int
    reason: str = ""


class FrameReader:
    """Puts the messages of one client together; holds one message of ``max_bytes`` at most.

    Attributes:
        violation: what the client did wrong; nothing is read after it.
    """

    __slots__ = ("_buffer", "_fragments", "_kind", "_max_bytes", "_needed", "violation")

    def __init__(self, max_bytes: int) -> None:
        self.violation: Closing | None = None
        self._max_bytes = max_bytes
        self._buffer = bytearray()
        self._needed = 0
        self._fragments = bytearray()
        self._kind = CONTINUATION

    @property
    def is_between_messages(self) -> bool:
        """Whether no part of a frame or message waits for the rest."""
        return not self._buffer and self._kind == CONTINUATION

    def feed(self, data: bytes) -> list[tuple[int, bytes]]:
        """The messages and control frames that ``data`` completes: opcode and payload of each."""
        if self._buffer:
            self._buffer += data
            if len(self._buffer) < self._needed:  # copied once, however small the pieces are
                return []
            data = bytes(self._buffer)
            self._buffer.clear()
        found: list[tuple[int, bytes]] = []
        at, size = 0, len(data)
        while size - at >= 2:
            first, length, mask_at = data[at], data[at + 1] & 0x7F, at + 2
            if length >= 126:
                mask_at += 2 if length == 126 else 8
                length = int.from_bytes(data[at + 2 : mask_at])
            payload_at = mask_at + 4
            end = payload_at
            if mask_at <= size:
                end += length
                if self._breaks_a_rule(first, data[at + 1], length):
                    return found
            if end > size:
                self._needed = end - at
                break
            payload = apply_mask(data[payload_at:end], data[mask_at:payload_at])
            at = end
            if first == 0x80 | TEXT:  # nearly every frame: a whole message
                found.append((TEXT, payload))
            else:
                self._take(first, payload, found)
        if at < size:
            self._buffer += data[at:]
        return found

    def _breaks_a_rule(self, first: int, second: int, length: int) -> bool:
        if self.violation is None:
            self.violation = self._problem(first, second, length)
        return self.violation is not None

    def _problem(self, first: int, second: int, length: int) -> Closing | None:
        opcode = first & 0x0F
        if first & 0x70:
            return Closing(PROTOCOL_ERROR, "no extension was agreed on, and a reserved bit is set")
        if not second & 0x80:
            return Closing(PROTOCOL_ERROR, "a client's frames must be masked")
        if opcode in _CONTROL:
            if length > _MAX_CONTROL or not first & 0x80:
                return Closing(PROTOCOL_ERROR, "a control frame is short and not fragmented")
            return None
        if opcode not in _DATA:
            return Closing(PROTOCOL_ERROR, f"opcode {opcode} is not defined")
        if (opcode == CONTINUATION) != (self._kind != CONTINUATION):
            return Closing(PROTOCOL_ERROR, "the fragments of messages must not be mixed")
        if len(self._fragments) + length > self._max_bytes:
            return Closing(TOO_BIG, f"a message is over {self._max_bytes} bytes, the limit here")
        return None

    def _take(self, first: int, payload: bytes, found: list[tuple[int, bytes]]) -> None:
        opcode, final = first & 0x0F, first & 0x80
        if opcode in _CONTROL or (final and opcode != CONTINUATION):
            found.append((opcode, payload))
            return
        self._kind = opcode or self._kind
        self._fragments += payload
        if final:
            found.append((self._kind, bytes(self._fragments)))
            self._kind = CONTINUATION
            self._fragments.clear()


def encode(opcode: int, payload: bytes) -> bytes:
    """A frame of the server's: one whole message, or a control frame."""
    size = len(payload)
    if size < 126:
        return bytes((0x80 | opcode, size)) + payload
    if size < 65536:
        return struct.pack("!BBH", 0x80 | opcode, 126, size) + payload
    return struct.pack("!BBQ", 0x80 | opcode, 127, size) + payload


def encode_close(closing: Closing) -> bytes:
    """A close frame; its reason is cut where it does not fit into one."""
    if closing.code == NO_STATUS:
        return encode(CLOSE, b"")
    reason = closing.reason.encode()[: _MAX_CONTROL - 2].decode(errors="ignore").encode()
    return encode(CLOSE, closing.code.to_bytes(2) + reason)


def read_close(payload: bytes) -> Closing:
    """What a client's close frame says, or the protocol error it is."""
    if not payload:
        return Closing(NO_STATUS)
    code = int.from_bytes(payload[:2])
    if len(payload) < 2 or not (code in _MAY_BE_SENT or 3000 <= code < 5000):
        return Closing(PROTOCOL_ERROR, "the close frame has no valid code")
    try:
        return Closing(code, payload[2:].decode())
    except UnicodeDecodeError:
        return Closing(INVALID_DATA, "the reason of the close frame is not UTF-8")
