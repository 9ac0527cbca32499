import tracemalloc

import pytest
from hypothesis import given
from hypothesis import strategies as st
from websockets.exceptions import PayloadTooBig
from websockets.frames import Close, Frame, Opcode
from websockets.protocol import CLIENT, SERVER, Protocol

from dynogate.wire import frames
from dynogate.wire.frames import Closing, FrameReader

LIMIT = 1000


def client(opcode: int, payload: bytes, *, fin: bool = True) -> bytes:
    """A frame as a client sends it; not always a legal one."""
    plain = frames.encode(opcode, payload)
    head = len(plain) - len(payload)
    first = plain[0] & (0xFF if fin else 0x7F)
    mask = b"\x01\x80\x7f\xff"
    masked = bytes(byte ^ mask[at % 4] for at, byte in enumerate(payload))
    return bytes((first, plain[1] | 0x80)) + plain[2:head] + mask + masked


def read(data: bytes, *cuts: int) -> list[tuple[int, bytes]]:
    """What a reader makes of ``data`` in pieces."""
    reader = FrameReader(LIMIT)
    found = []
    ends = [*sorted(cuts), len(data)]
    for start, end in zip([0, *ends], ends, strict=False):
        found += reader.feed(data[start:end])
    return found


def read_by_library(data: bytes) -> tuple[list[tuple[int, bytes]], Exception | None]:
    """The same by the websockets library, and the fault that it found."""
    other = Protocol(SERVER, max_size=LIMIT)
    other.receive_data(data)
    found: list[tuple[int, bytes]] = []
    kind, parts = 0, b""
    for event in other.events_received():
        assert isinstance(event, Frame)
        if event.opcode >= 8:
            found.append((event.opcode, bytes(event.data)))
            continue
        kind, parts = event.opcode or kind, parts + bytes(event.data)
        if event.fin:
            found.append((kind, parts))
            parts = b""
    return found, other.parser_exc


OPCODES = [frames.CONTINUATION, frames.TEXT, frames.BINARY, frames.PING, frames.PONG, 3]
frame = st.builds(
    client,
    st.sampled_from(OPCODES),
    st.one_of(st.binary(max_size=130), st.sampled_from([500, LIMIT, LIMIT + 1]).map(bytes)),
    fin=st.booleans(),
)
stream = st.one_of(
    st.lists(frame, max_size=6).map(b"".join),
    st.binary(max_size=60).filter(lambda data: b"\x88" not in data),  # it reads on after a close
)


@given(stream, st.lists(st.integers(0, 3000), max_size=5))
def test_streams_are_read_as_the_library_reads_them(data: bytes, cuts: list[int]) -> None:
    """In whatever pieces they come, and up to the same fault.

    But that the library counts a control frame within a message against the limit of the message,
    which it is no part of (RFC 6455, section 5.5).
    """
    data += bytes(2 * LIMIT)  # ends what is incomplete; no client may send that
    (expected, fault), found = read_by_library(data), read(data)
    assert read(data, *cuts) == found
    assert found[: len(expected)] == expected
    beyond = found[len(expected) :]
    if beyond:
        assert beyond[0][0] in (frames.PING, frames.PONG)
        assert isinstance(fault, PayloadTooBig)


def test_a_ping_within_a_message_is_no_part_of_it() -> None:
    """However much of the limit the message has used up."""
    data = client(frames.TEXT, bytes(LIMIT), fin=False) + client(frames.PING, b"x")
    assert read(data) == [(frames.PING, b"x")]


def test_a_message_in_single_bytes_is_put_together() -> None:
    """As slow clients and small windows bring it."""
    data = client(frames.TEXT, b"x" * 300)
    assert read(data, *range(len(data))) == [(frames.TEXT, b"x" * 300)]


def test_fragments_are_one_message_and_control_frames_may_come_between() -> None:
    """RFC 6455, section 5.4."""
    data = (
        client(frames.TEXT, b"a", fin=False)
        + client(frames.PING, b"p")
        + client(frames.CONTINUATION, b"b", fin=False)
        + client(frames.CONTINUATION, b"c")
        + client(frames.BINARY, b"d", fin=False)
        + client(frames.CONTINUATION, b"e")
        + client(frames.TEXT, b"f")
    )
    assert read(data) == [
        (frames.PING, b"p"),
        (frames.TEXT, b"abc"),
        (frames.BINARY, b"de"),
        (frames.TEXT, b"f"),
    ]


@pytest.mark.parametrize(
    ("data", "code"),
    [
        (frames.encode(frames.TEXT, b"not masked"), frames.PROTOCOL_ERROR),
        (b"\xc1\x80\0\0\0\0", frames.PROTOCOL_ERROR),  # a reserved bit: compressed
        (b"\x83\x80\0\0\0\0", frames.PROTOCOL_ERROR),  # opcode 3
        (b"\x09\x80\0\0\0\0", frames.PROTOCOL_ERROR),  # a fragmented ping
        (b"\x89\xfe\0\x7e\0\0\0\0", frames.PROTOCOL_ERROR),  # a ping of 126 bytes
        (client(frames.CONTINUATION, b"of nothing"), frames.PROTOCOL_ERROR),
        (client(frames.TEXT, b"", fin=False) + client(frames.TEXT, b""), frames.PROTOCOL_ERROR),
        (b"\x81\xff" + b"\xff" * 8, frames.TOO_BIG),  # said before a byte of it was sent
        (client(frames.TEXT, b"x" * (LIMIT + 1)), frames.TOO_BIG),
        (
            client(frames.TEXT, b"x" * LIMIT, fin=False) + client(frames.CONTINUATION, b"x"),
            frames.TOO_BIG,
        ),
    ],
)
def test_a_broken_rule_has_its_close_code(data: bytes, code: int) -> None:
    """And nothing is read after it."""
    reader = FrameReader(LIMIT)
    reader.feed(data)
    assert reader.violation is not None
    assert reader.violation.code == code
    assert reader.feed(client(frames.TEXT, b"more")) == []


def test_empty_fragments_take_no_memory() -> None:
    """However many come: they could be sent for ever."""
    reader = FrameReader(LIMIT)
    reader.feed(client(frames.TEXT, b"", fin=False))
    piece = client(frames.CONTINUATION, b"", fin=False) * 1000
    reader.feed(piece)
    tracemalloc.start()
    try:
        for _ in range(20):
            reader.feed(piece)
        assert tracemalloc.get_traced_memory()[0] < 20_000
    finally:
        tracemalloc.stop()
    assert not reader.is_between_messages


@pytest.mark.parametrize("size", [0, 125, 126, 65535, 65536])
def test_our_frames_are_read_by_the_library(size: int) -> None:
    """At every size where the head changes."""
    other = Protocol(CLIENT, max_size=None)
    other.receive_data(frames.encode(frames.TEXT, b"x" * size))
    assert other.events_received() == [Frame(Opcode.TEXT, b"x" * size)]


@pytest.mark.parametrize(
    ("closing", "payload"),
    [
        (Closing(1000), b"\x03\xe8"),
        (Closing(frames.NO_STATUS), b""),
        (Closing(4000, "é" * 100), b"\x0f\xa0" + "é".encode() * 61),
    ],
)
def test_a_close_frame_has_a_code_and_as_much_reason_as_fits(
    closing: Closing, payload: bytes
) -> None:
    """125 bytes, and no half character."""
    assert frames.encode_close(closing)[2:] == payload


@pytest.mark.parametrize(
    ("payload", "code"),
    [
        (b"", frames.NO_STATUS),
        (Close(1001, "bye").serialize(), 1001),
        (b"\x03", frames.PROTOCOL_ERROR),
        (b"\x03\xed", frames.PROTOCOL_ERROR),  # 1005 is never sent
        (b"\x03\xe7", frames.PROTOCOL_ERROR),  # 999
        (b"\x03\xe8\xff", frames.INVALID_DATA),
    ],
)
def test_a_close_frame_is_read(payload: bytes, code: int) -> None:
    """RFC 6455, section 7.4."""
    assert frames.read_close(payload).code == code
