"""A name server whose names may hang, be missing or be refused, each apart (RFC 1035)."""

import asyncio
from collections import Counter
from collections.abc import Mapping
from typing import Literal, cast

Answer = Literal["good", "silent", "missing", "failing"]
"""127.0.0.1; nothing at all; NXDOMAIN; SERVFAIL."""

_A = 1  # the record type
_QUESTION = 12  # where it starts: after the header
_CODES: Mapping[Answer, int] = {"good": 0, "missing": 3, "failing": 2}
_TTL_SEC = 1
# A pointer to the name of the question, type A, class IN, the time to live, four bytes: 127.0.0.1
_LOOPBACK = b"\xc0\x0c\x00\x01\x00\x01" + _TTL_SEC.to_bytes(4) + b"\x00\x04\x7f\x00\x00\x01"


class NameServer(asyncio.DatagramProtocol):
    """Every name is 127.0.0.1, except as told.

    Attributes:
        queries: how often each name was asked for, whatever the answer.
    """

    def __init__(self) -> None:
        self.queries: Counter[str] = Counter()
        self._answers: Mapping[str, Answer] = {}
        self._transport: asyncio.DatagramTransport | None = None

    def behave(self, answers: Mapping[str, Answer]) -> None:
        """Answer these names so from here on, and count from 0."""
        self._answers = dict(answers)
        self.queries.clear()

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        """See ``asyncio.DatagramProtocol``."""
        # The event loop's own class is none of asyncio's.
        self._transport = cast(asyncio.DatagramTransport, transport)

    def datagram_received(self, data: bytes, address: tuple[str, int]) -> None:
        """Answer one query; what is none gets nothing."""
        try:
            name, kind, end = _question(data)
        except (IndexError, UnicodeDecodeError):
            return
        self.queries[name] += 1
        answer = self._answers.get(name, "good")
        if answer != "silent" and self._transport is not None:
            self._transport.sendto(reply(data, end, kind, answer), address)


def reply(query: bytes, end: int, kind: int, answer: Answer) -> bytes:
    """The answer to a ``query`` whose question ends at ``end`` and asks for ``kind``."""
    found = answer == "good" and kind == _A
    flags = 0x8580 | _CODES[answer]  # an authoritative answer; recursion was and is to be had
    header = query[:2] + flags.to_bytes(2) + b"\x00\x01" + int(found).to_bytes(2) + bytes(4)
    return header + query[_QUESTION:end] + (_LOOPBACK if found else b"")


def _question(data: bytes) -> tuple[str, int, int]:
    """Name and type of the first question, and where it ends."""
    labels, at = [], _QUESTION
    while size := data[at]:
        labels.append(data[at + 1 : at + 1 + size].decode("ascii"))
        at += size + 1
    return ".".join(labels).lower(), int.from_bytes(data[at + 1 : at + 3]), at + 5
