"""Faults as the wire shows them: raw round trips, with nothing of Dynogate's own between."""

import json
import socket
import statistics
import time
from dataclasses import dataclass
from typing import Literal

from chaos.proof import Proof, proof
from chaos.rig.rig import current

Place = Literal["nothing", "head", "body"]
_HEALTH = b"GET /health HTTP/1.1\r\nhost: 127.0.0.1\r\nconnection: close\r\n\r\n"


@dataclass(frozen=True, slots=True)
class Answer:
    """What came on a connection of its own.

    Attributes:
        data: all of it.
        pieces: how many reads brought it.
        seconds: from the request's first byte to the connection's end.
        end: of the connection, in a word.
    """

    data: bytes
    pieces: int
    seconds: float
    end: Literal["closed", "reset", "refused", "silent"]

    @property
    def whole(self) -> bool:
        """Whether it is an HTTP answer with a body of JSON."""
        try:
            json.loads(self.data.partition(b"\r\n\r\n")[2])
        except ValueError:
            return False
        return True


def ask(port: int, request: bytes, timeout: float = 10.0) -> Answer:
    """Send a request to a port of 127.0.0.1, and read until the connection ends.

    ``silent`` is a connection on which nothing came for ``timeout`` seconds.
    """
    parts: list[bytes] = []
    end: Literal["closed", "reset", "refused", "silent"] = "closed"
    start = time.perf_counter()
    try:
        with socket.create_connection(("127.0.0.1", port), timeout) as wire:
            start = time.perf_counter()
            wire.sendall(request)
            while part := wire.recv(65536):
                parts.append(part)
    except ConnectionRefusedError:
        end = "refused"
    except ConnectionError:
        end = "reset"
    except TimeoutError:
        end = "silent"
    return Answer(b"".join(parts), len(parts), time.perf_counter() - start, end)


def echo(size: int) -> bytes:
    """A whole HTTP request that calls ``echo`` for an answer of some length, and wants no other."""
    body = json.dumps({"jsonrpc": "2.0", "id": 1, "method": "echo", "params": {"size": size}})
    return (
        "POST /mcp/tools/call HTTP/1.1\r\nhost: 127.0.0.1\r\nconnection: close\r\n"
        f"content-type: application/json\r\ncontent-length: {len(body)}\r\n\r\n{body}"
    ).encode()


def slower(link: str, at_least: float, at_most: float, calls: int = 5) -> Proof:
    """Prove that a round trip through a link takes longer than the one around it.

    Args:
        link: of the rig, to the gateway.
        at_least: how much longer, in seconds.
        at_most: likewise.
        calls: of which the median is taken.
    """
    rig = current()
    through = statistics.median(ask(rig.port(link), _HEALTH).seconds for _ in range(calls))
    around = statistics.median(ask(rig.gateway.port, _HEALTH).seconds for _ in range(calls))
    longer = through - around
    return proof(
        at_least <= longer <= at_most,
        f"a raw round trip through {link!r} took {through * 1e3:.0f} ms, around it "
        f"{around * 1e3:.1f} ms: {longer * 1e3:.0f} ms more "
        f"({at_least * 1e3:.0f} to {at_most * 1e3:.0f} ms were to be seen)",
        through=through,
        around=around,
        longer=longer,
    )


def throttled(link: str, rate: float, size: int = 20_000) -> Proof:
    """Prove that a link carries no more than a rate, and that the gateway could do more.

    Args:
        link: of the rig, to the gateway.
        rate: in KB (1024 bytes) a second.
        size: of the answer asked for, in characters.
    """
    rig = current()
    answers = [ask(port, echo(size)) for port in (rig.port(link), rig.gateway.port)]
    through, around = (len(each.data) / 1024 / each.seconds for each in answers)
    return proof(
        0.5 * rate <= through <= 1.2 * rate and around > 5 * rate,
        f"an answer of {len(answers[0].data):,} bytes came through {link!r} at {through:.0f} KB/s, "
        f"around it at {around:,.0f} KB/s",
        through=through,
        around=around,
    )


def sliced(link: str, pieces: int, size: int = 1000) -> Proof:
    """Prove that an answer through a link comes in pieces, and around it in one or two.

    Args:
        link: of the rig, to the gateway.
        pieces: how many there must be at least.
        size: of the answer asked for, in characters.
    """
    rig = current()
    through = ask(rig.port(link), echo(size)).pieces
    around = ask(rig.gateway.port, echo(size)).pieces
    return proof(
        through >= pieces and around <= 2,
        f"an answer came through {link!r} in {through} pieces, around it in {around}",
        through=through,
        around=around,
    )


def broken_off(link: str, size: int, *, within: Place, end: str) -> Proof:
    """Prove that answers through a link break off, by the bytes that come; around it they do not.

    Args:
        link: of the rig, to the gateway.
        size: of the answer asked for, in characters.
        within: what the last byte belongs to.
        end: of the connection: closed, reset, refused or silent.
    """
    rig = current()
    through, around = ask(rig.port(link), echo(size), 3.0), ask(rig.gateway.port, echo(size))
    begun = "body" if b"\r\n\r\n" in through.data else "head"
    place = begun if through.data else "nothing"
    return proof(
        (place, through.end) == (within, end) and not through.whole and around.whole,
        f"of an answer of {len(around.data):,} bytes {len(through.data):,} came through {link!r}, "
        f"{f'into the {place}' if through.data else 'not even a head'}, and the connection was "
        f"{through.end}",
        came=len(through.data),
        whole=len(around.data),
    )
