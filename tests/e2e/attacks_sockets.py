"""What hostile clients send over WebSocket, and what they may get for it."""

import base64
import contextlib
import os
import zlib
from collections.abc import Callable, Iterator

from dynogate.wire import frames
from tests.e2e.attacks import Attack, call, forged_tokens
from tests.e2e.target import TIMEOUT_SEC, Target, code_of
from tests.sockets import Raw, frame, handshake

MB = 1 << 20
WAY = "ws"
_CONTINUED = frames.CONTINUATION


def opened(target: Target, key: str | None = None, **headers: str) -> Raw:
    """A connection whose handshake shows a good key, or another one."""
    shown = {"Authorization": f"Bearer {target.key if key is None else key}", **headers}
    return Raw(target.live, head=handshake(**shown))


def told(raw: Raw) -> str:
    """The first thing that comes back: the code of a message, or of the end of the connection."""
    raw.socket.settimeout(TIMEOUT_SEC * 8)
    try:
        for opcode, payload in raw.frames():
            if opcode == frames.TEXT:
                return code_of(payload)
            if opcode == frames.CLOSE:
                raw.send(frames.CLOSE, payload)
                return f"close {frames.read_close(payload).code}"
    except TimeoutError:
        return "open"
    return "closed"


def saying(*pieces: bytes) -> Callable[[Target], str]:
    """Send raw bytes over an open connection."""

    def send(target: Target) -> str:
        with opened(target) as raw:
            raw.socket.settimeout(TIMEOUT_SEC * 2)
            with contextlib.suppress(ConnectionError, TimeoutError):  # it takes no more
                for piece in pieces:
                    raw.socket.sendall(piece)
            return told(raw)

    return send


def text(body: bytes) -> bytes:
    """A message in one frame."""
    return frame(frames.TEXT, body)


def _messages() -> Iterator[Attack]:
    good = call("rpc")
    deep = b"[" * 10_000 + b"]" * 10_000
    digits = "9" * 10_000
    batch = b"[" + b",".join([good] * 100_000) + b"]"
    bodies = {
        "truncated JSON": (good[:-7], "-32700"),
        "no body": (b"", "-32700"),
        "10,000-deep nesting": (deep, "-32600"),
        "10,000-deep arguments": (call("rpc", say=deep.decode()), "-32700"),
        "NaN as an argument": (call("rpc", say="NaN"), "-32700"),
        "10,000 digits as an argument": (call("rpc", say=digits), "-32602"),
        "10,000 digits as an id": (call("rpc", request_id=digits), "-32600"),
        "a lone surrogate": (call("rpc", say='"\\ud800"'), "-32700"),
        "two JSON values": (good + good, "-32700"),
        "batch of 100,000": (batch[: 4 * MB - 1] + b"]", "-32600"),
        "unknown session method": (good.replace(b"echo", b"tools/destroy"), "-32601"),
    }
    for name, (body, code) in bodies.items():
        yield Attack(name, WAY, saying(text(body)), (code,))
    yield Attack("invalid UTF-8", WAY, saying(text(b'"\xff"')), ("close 1007",))


def _frames() -> Iterator[Attack]:
    good = call("rpc")
    half = len(good) // 2
    first = frame(frames.TEXT, good[:half], fin=False)
    rest = frame(_CONTINUED, good[half:])
    piece = frame(_CONTINUED, b" " * MB, fin=False)
    start = frame(frames.TEXT, b"[", fin=False)
    unmasked = frames.encode(frames.TEXT, good)
    compressed = bytearray(text(zlib.compress(b" " * (64 * MB))[2:-4]))
    compressed[0] |= 0x40  # the bit by which a frame says that it is compressed
    huge = b"\x81\xff" + (1 << 62).to_bytes(8) + bytes(4)
    ping = frame(frames.PING, b"x" * 126)
    attacks: dict[str, tuple[tuple[bytes, ...], str]] = {
        "binary frame": ((frame(frames.BINARY, good),), "close 1003"),
        "message in fragments (good)": ((first, rest), "result"),
        "fragments with a ping between (good)": ((first, frame(frames.PING, b""), rest), "result"),
        "5 MB in fragments": ((start, *[piece] * 5), "close 1009"),
        "a message within a message": ((first, text(good)), "close 1002"),
        "a fragment of nothing": ((rest,), "close 1002"),
        "an unmasked frame": ((unmasked,), "close 1002"),
        "compression bomb": ((bytes(compressed),), "close 1002"),
        "a frame of 4 EB": ((huge,), "close 1009"),
        "a long ping": ((ping,), "close 1002"),
        "an unknown opcode": ((frame(0x3, good),), "close 1002"),
        "a close frame with code 1006": ((frame(frames.CLOSE, b"\x03\xee"),), "close 1002"),
        "a fragment and then nothing": ((first,), "close 1008|close 1002|closed"),
        "half a frame and then nothing": ((text(good)[:9],), "close 1008|close 1002|closed"),
    }
    for name, (pieces, expected) in attacks.items():
        yield Attack(name, WAY, saying(*pieces), tuple(expected.split("|")))
    yield Attack("100,000 empty fragments", WAY, _empty_fragments, ("close 1008", "close 1002"))
    yield Attack("100,000 pings, nothing read", WAY, _pings, ("held back", "closed"))


def _empty_fragments(target: Target) -> str:
    empty = frame(_CONTINUED, b"", fin=False) * 1000
    return saying(frame(frames.TEXT, b"[", fin=False), *[empty] * 100)(target)


def _pings(target: Target) -> str:
    """Ask for more pongs than any buffer holds, and read none of them."""
    pings = frame(frames.PING, b"x" * 100) * 1000
    with opened(target) as raw:
        raw.socket.settimeout(TIMEOUT_SEC)
        try:
            for _ in range(100):
                raw.socket.sendall(pings)
        except TimeoutError:
            return "held back"  # it reads no more before its answers are read
        except ConnectionError:
            return "closed"
        return "all taken"


def _handshakes() -> Iterator[Attack]:
    def shaking(
        pick: Callable[[Target], str] | None = None, **headers: str
    ) -> Callable[[Target], str]:
        def send(target: Target) -> str:
            with opened(target, pick and pick(target), **headers) as raw:
                return _status(raw)

        return send

    refused = ("401 1401",)
    yield Attack("no key", WAY, shaking(Authorization=""), refused)
    yield Attack("expired key", WAY, shaking(lambda target: target.expired), refused)
    yield Attack("revoked key", WAY, shaking(lambda target: target.revoked), refused)
    for name, token in forged_tokens().items():
        yield Attack(name, WAY, shaking(token), refused)
    yield Attack("key in the query string", WAY, _in_the_query, ("400 -32600",))
    evil = "http://evil.example"
    yield Attack("another's Origin", WAY, shaking(Origin=evil), ("403 1403",))
    yield Attack("another's Host", WAY, shaking(Host="evil.example"), ("403 1403",))
    yield Attack("another version", WAY, shaking(Sec_WebSocket_Version="7"), ("426", "400"))
    short = base64.b64encode(os.urandom(3)).decode()
    yield Attack("a key of three bytes", WAY, shaking(Sec_WebSocket_Key=short), ("400",))


def _in_the_query(target: Target) -> str:
    head = handshake().replace(b"GET /ws", f"GET /ws?api_key={target.key}".encode())
    with Raw(target.live, head=head) as raw:
        return _status(raw)


def _status(raw: Raw) -> str:
    """The status of a refused handshake, and the code of the error in its body."""
    status = raw.answer.split(b" ", 2)[1].decode() if raw.answer else "closed"
    if status == "101":
        return "101"
    raw.socket.settimeout(1)
    body = b""
    try:
        while data := raw.socket.recv(1 << 16):
            body += data
    except OSError:
        pass
    return f"{status} {code_of(body)}".strip()


def socket_attacks() -> list[Attack]:
    """Every row over WebSocket."""
    return [attack for group in (_messages, _frames, _handshakes) for attack in group()]
