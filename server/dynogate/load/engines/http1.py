"""HTTP/1.1 as the fast engine needs it: a request's bytes, a response's head and body. No I/O."""

from collections.abc import Mapping
from dataclasses import dataclass

from dynogate.load.calls import FIRST_ID, Prepared
from dynogate.load.replies import retry_after
from dynogate.load.targets import Target

MAX_HEAD = 64 * 1024
MAX_BODY = 16 * 1024 * 1024
CHUNKED, UNTIL_CLOSE = -1, -2


class MalformedResponse(Exception):
    """What came is no HTTP/1.1 response, or a bigger one than is read."""


@dataclass(frozen=True, slots=True)
class Head:
    """What the head of a response says about the rest.

    Attributes:
        status: the HTTP status.
        length: of the body in bytes, or ``CHUNKED``, or ``UNTIL_CLOSE``.
        keep_alive: whether the connection serves another request.
        events: the body is a stream of server-sent events.
        retry_after: seconds, or 0.
    """

    status: int
    length: int
    keep_alive: bool
    events: bool
    retry_after: float


@dataclass(frozen=True, slots=True)
class Template:
    """A request's bytes but for the id of the call, which has ten digits."""

    before: bytes
    after: bytes


def template(target: Target, call: Prepared) -> Template:
    """A POST of ``call``."""
    length = len(call.body(FIRST_ID))
    headers: Mapping[str, str] = {
        "Host": target.host,
        "User-Agent": "dynogate-load",
        **call.headers,
        **target.headers,
        "Content-Length": str(length),
    }
    lines = "".join(f"{name}: {value}\r\n" for name, value in headers.items())
    head = f"POST {target.path} HTTP/1.1\r\n{lines}\r\n".encode("latin-1", "replace")
    return Template(head + call.before, call.after)


def parse_head(head: bytes) -> Head:
    """Read a response's head, without the empty line that ends it.

    Raises:
        MalformedResponse: it is none.
    """
    first, *lines = head.split(b"\r\n")
    parts = first.split(b" ", 2)
    if len(parts) < 2 or not parts[0].startswith(b"HTTP/1.") or not parts[1].isdigit():
        raise MalformedResponse(f"not HTTP/1.1: {head[:60]!r}")
    fields: dict[bytes, bytes] = {}
    for line in lines:
        name, colon, value = line.partition(b":")
        if not colon:
            raise MalformedResponse(f"not a header: {line[:60]!r}")
        fields[name.strip().lower()] = value.strip()
    status = int(parts[1])
    connection = fields.get(b"connection", b"").lower()
    keep = b"close" not in connection and (parts[0] != b"HTTP/1.0" or b"keep-alive" in connection)
    length = _length(status, fields)
    return Head(
        status=status,
        length=length,
        keep_alive=keep and length != UNTIL_CLOSE,
        events=fields.get(b"content-type", b"").lower().startswith(b"text/event-stream"),
        retry_after=retry_after(fields.get(b"retry-after", b"").decode("latin-1")),
    )


def _length(status: int, fields: Mapping[bytes, bytes]) -> int:
    """RFC 9112, 6.3."""
    if status in {204, 304}:
        return 0
    if fields.get(b"transfer-encoding", b"").lower().endswith(b"chunked"):
        return CHUNKED
    text = fields.get(b"content-length")
    if text is None:
        return UNTIL_CLOSE
    if not text.isdigit() or len(text) > 18 or int(text) > MAX_BODY:
        raise MalformedResponse(f"a body of {text[:30]!r} bytes")
    return int(text)


def unchunk(data: bytes) -> tuple[bytes, int] | None:
    """Undo chunked coding.

    Args:
        data: from the start of the body on.

    Returns:
        The body and how many bytes of ``data`` it took, or None where more are to come.

    Raises:
        MalformedResponse: this is not chunked, or too big.
    """
    parts: list[bytes] = []
    at = total = 0
    while True:
        line_end = data.find(b"\r\n", at)
        if line_end < 0:
            if len(data) - at > 1024:
                raise MalformedResponse("a chunk without a size")
            return None
        size = _chunk_size(data[at:line_end])
        at = line_end + 2
        if size == 0:
            break
        total += size
        if total > MAX_BODY:
            raise MalformedResponse(f"a body of more than {MAX_BODY} bytes")
        if len(data) < at + size + 2:
            return None
        parts.append(data[at : at + size])
        at += size
        if data[at : at + 2] != b"\r\n":
            raise MalformedResponse("a chunk that is longer than its size")
        at += 2
    end = at + 2 if data[at : at + 2] == b"\r\n" else data.find(b"\r\n\r\n", at) + 4
    if end < at + 2 or len(data) < end:
        return None
    return b"".join(parts), end


def _chunk_size(line: bytes) -> int:
    digits = line.partition(b";")[0].strip()
    if not digits or len(digits) > 8 or digits.strip(b"0123456789abcdefABCDEF"):
        raise MalformedResponse(f"a chunk of {line[:30]!r} bytes")
    return int(digits, 16)
