"""What hostile clients send over HTTP, and what they may get for it: rows of the security table.

``python -m tests.e2e.security`` runs them all and prints what came back.
"""

import gzip
import itertools
import json
import time
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass

from tests.e2e.target import TIMEOUT_SEC, Target
from tests.issuer import GATEWAY, ISSUER, forged, pem

MB = 1 << 20
MODERN = {
    "Accept": "application/json, text/event-stream",
    "MCP-Protocol-Version": "2026-07-28",
    "Mcp-Method": "tools/call",
    "Mcp-Name": "echo",
}
PATHS = {"rpc": "/mcp/tools/call", "mcp": "/mcp"}
BOTH = ("rpc", "mcp")


@dataclass(frozen=True)
class Attack:
    """One hostile thing over one way in.

    Attributes:
        way: ``rpc``, ``mcp`` (2026), ``mcp 2025``, ``ws`` or ``http``.
        send: does it; tells what came back.
        expected: what may come back.
    """

    name: str
    way: str
    send: Callable[[Target], str]
    expected: tuple[str, ...]


def meta() -> dict[str, object]:
    """What every message of the modern era carries."""
    prefix = "io.modelcontextprotocol/"
    return {f"{prefix}protocolVersion": "2026-07-28", f"{prefix}clientCapabilities": {}}


def call(way: str, *, say: str = '"x"', request_id: str = "1") -> bytes:
    """A good call of ``echo``; ``say`` and the id are raw JSON."""
    arguments = f'{{"say": {say}}}'
    method, params = "echo", arguments
    if way != "rpc":
        method = "tools/call"
        params = f'{{"name": "echo", "arguments": {arguments}, "_meta": {json.dumps(meta())}}}'
    envelope = f'"jsonrpc": "2.0", "id": {request_id}, "method": "{method}", "params": {params}'
    return f"{{{envelope}}}".encode()


def head(
    way: str,
    key: str | None,
    length: int | None,
    *lines: str,
    replaced: Mapping[str, str | None] | None = None,
) -> bytes:
    """The head of a good request, with headers ``replaced`` or left out (None), and more lines."""
    headers: dict[str, str | None] = {"Host": "127.0.0.1", "Content-Type": "application/json"}
    headers |= MODERN if way == "mcp" else {}
    headers["Authorization"] = key and f"Bearer {key}"
    headers["Content-Length"] = None if length is None else str(length)
    headers |= replaced or {}
    told = [f"{name}: {value}" for name, value in headers.items() if value is not None]
    return "\r\n".join([f"POST {PATHS[way]} HTTP/1.1", *told, *lines, "", ""]).encode("latin-1")


def post(
    way: str, body: bytes, *lines: str, replaced: Mapping[str, str | None] | None = None
) -> Callable[[Target], str]:
    """Post ``body`` with a head that is good but for what is given."""
    return lambda target: target.send(
        head(way, target.key, len(body), *lines, replaced=replaced), body
    )


def _bodies() -> Iterator[Attack]:
    deep = b"[" * 10_000 + b"]" * 10_000
    huge = "9" * 10_000
    for way in BOTH:
        good = call(way)
        bodies = {
            "invalid UTF-8": (call(way, say='"\u00ff"').decode().encode("latin-1"), -32700),
            "truncated JSON": (good[:-7], -32700),
            "no body": (b"", -32700),
            "10,000-deep nesting": (deep, -32700 if way == "rpc" else -32600),  # MCP has no batches
            "10,000-deep arguments": (call(way, say=deep.decode()), -32700),
            "NaN as an argument": (call(way, say="NaN"), -32700),
            "NaN as an id": (call(way, request_id="NaN"), -32700),
            "a lone surrogate": (call(way, say='"\\ud800"'), -32700),
            "two JSON values": (good + good, -32700),
            "a number": (b"7", -32600),
            "no method": (b'{"jsonrpc": "2.0", "id": 1}', -32600),
            "an object as an id": (call(way, request_id="{}"), -32600),
            "10,000 digits as an id": (call(way, request_id=huge), -32600),
            "batch of 100,000": (b"[" + b",".join([b"1"] * 100_000) + b"]", -32600),
        }
        for name, (body, code) in bodies.items():
            yield Attack(name, way, post(way, body), (f"400 {code}",))
        digits = post(way, call(way, say=huge))
        answer = "400 -32602" if way == "rpc" else "200 result"  # MCP tells the model (isError)
        yield Attack("10,000 digits as an argument", way, digits, (answer,))
        yield Attack("5 MB body", way, post(way, b" " * (5 * MB)), ("413 1413",))


def _gigabyte(way: str, chunk: bytes) -> Callable[[Target], str]:
    """A body without an end, or 1 GB of it, that says nothing of its size."""

    def send(target: Target) -> str:
        framed = b"%x\r\n%b\r\n" % (len(chunk), chunk)
        start = head(way, target.key, None, "Transfer-Encoding: chunked")
        pieces = itertools.chain([start], itertools.repeat(framed, (1 << 30) // len(chunk)))
        return target.send(*[start], *itertools.islice(pieces, 1, None), seconds=60)

    return send


def _bombs() -> Iterator[Attack]:
    bomb = gzip.compress(b" " * (64 * MB))
    for way in BOTH:
        chunk = b" " * MB
        name = "1 GB body without Content-Length"
        yield Attack(name, way, _gigabyte(way, chunk), ("413 1413",))
        yield Attack(
            "compression bomb",
            way,
            post(way, bomb, "Content-Encoding: gzip"),
            ("415 1415",),
        )


def _smuggling() -> Iterator[Attack]:
    """Messages whose end two readers could see in different places (RFC 9112, section 11.2)."""
    way, body = "rpc", call("rpc")
    chunked = b"%x\r\n%b\r\n0\r\n\r\n" % (len(body), body)

    def send(name: str, *lines: str, data: bytes = chunked, expected: str = "400") -> Attack:
        def attack(target: Target) -> str:
            return target.send(head(way, target.key, None, *lines), data)

        return Attack(name, "http", attack, tuple(expected.split("|")))

    both = ("Transfer-Encoding: chunked", f"Content-Length: {len(chunked)}")
    yield send("Content-Length and Transfer-Encoding", *both)
    yield send("the same, the other way round", *reversed(both))
    yield send(
        "two Content-Lengths", "Content-Length: 5", f"Content-Length: {len(body)}", data=body
    )
    yield send("the same Content-Length twice", *[f"Content-Length: {len(body)}"] * 2, data=body)
    yield send("Content-Length: +5", "Content-Length: +5", data=body)
    yield send("Content-Length: 5, 5", "Content-Length: 5, 5", data=body)
    yield send("Content-Length of 30 digits", "Content-Length: " + "9" * 30, data=body)
    yield send("Transfer-Encoding: xchunked", "Transfer-Encoding: xchunked")
    yield send("Transfer-Encoding: chunked, identity", "Transfer-Encoding: chunked, identity")
    yield send("Transfer-Encoding twice", *["Transfer-Encoding: chunked"] * 2)
    yield send("space before the colon", "Transfer-Encoding : chunked")
    yield send("a folded header", "X-Folded: a\r\n b", "Transfer-Encoding: chunked")
    yield send("a header without a colon", "nonsense", "Transfer-Encoding: chunked")
    yield send("NUL in a header", "X-Nul: a\0b", "Transfer-Encoding: chunked")
    yield send("bare CR in a header", "X-CR: a\rb", "Transfer-Encoding: chunked")
    negative = b"-5\r\nhello\r\n0\r\n\r\n"
    yield send("negative chunk size", "Transfer-Encoding: chunked", data=negative)
    over = b"fffffffffffffffff\r\nhello\r\n0\r\n\r\n"
    yield send("chunk size over 64 bits", "Transfer-Encoding: chunked", data=over)
    longer = b"5\r\nhello world\r\n0\r\n\r\n"
    yield send("chunk longer than its size", "Transfer-Encoding: chunked", data=longer)


def _headers() -> Iterator[Attack]:
    for way in BOTH:
        body = call(way)
        for name, lines in {
            "two Hosts": ("Host: evil.example",),
            "two Origins": ("Origin: http://127.0.0.1", "Origin: http://evil.example"),
            "two credentials": ("X-API-Key: other",),
            "two Authorizations": ("Authorization: Bearer other",),
        }.items():
            yield Attack(name, way, post(way, body, *lines), ("400 -32600", "401 1401"))
        other_host = {"Host": "evil.example"}
        yield Attack("another's Host", way, post(way, body, replaced=other_host), ("403 1403",))
        foreign = "Origin: http://evil.example"
        yield Attack("another's Origin", way, post(way, body, foreign), ("403 1403",))
        text = {"Content-Type": "text/plain"}
        yield Attack("text/plain", way, post(way, body, replaced=text), ("415 1415",))
        twice = "Content-Type: text/plain"
        yield Attack("two Content-Types", way, post(way, body, twice), ("400 -32600", "415 1415"))
    body = call("mcp")
    contradictions: dict[str, dict[str, str | None]] = {
        "Mcp-Name differs from the body": {"Mcp-Name": "crash"},
        "Mcp-Name as bad base64": {"Mcp-Name": "=?base64?%%%?="},
        "Mcp-Method differs from the body": {"Mcp-Method": "tools/list"},
        "no Mcp-Method": {"Mcp-Method": None},
        "a version that differs from the body": {"MCP-Protocol-Version": "2025-11-25"},
    }
    for name, replaced in contradictions.items():
        yield Attack(name, "mcp", post("mcp", body, replaced=replaced), ("400 -32020",))
    for name in ("Mcp-Name: echo", "Mcp-Method: tools/call", "MCP-Protocol-Version: 2026-07-28"):
        said = f"{name.partition(':')[0]} twice"
        yield Attack(said, "mcp", post("mcp", body, name), ("400 -32020",))


def _credentials() -> Iterator[Attack]:
    for way in BOTH:
        body = call(way)

        def shown(
            pick: Callable[[Target], str | None], way: str = way, body: bytes = body
        ) -> Callable[[Target], str]:
            return lambda target: target.send(head(way, pick(target), len(body)), body)

        refused = ("401 1401",)
        yield Attack("no key", way, shown(lambda _: None), refused)
        yield Attack("expired key", way, shown(lambda target: target.expired), refused)
        yield Attack("revoked key", way, shown(lambda target: target.revoked), refused)
        yield Attack("forged key", way, shown(lambda target: target.key[:-1] + "!"), refused)
        yield Attack("key with another secret", way, shown(_another_secret), refused)
        yield Attack("good token (good)", way, shown(lambda t: t.issuer.token()), ("200 result",))
        for name, token in forged_tokens().items():
            yield Attack(name, way, shown(token), refused)
        yield Attack("1 MB of key", way, shown(lambda _: "k" * MB), ("431", "closed"))
        yield Attack("key in the query string", way, _in_the_query(way, body), ("400 -32600",))


def _another_secret(target: Target) -> str:
    return target.key[:-1] + ("0" if target.key[-1] != "0" else "1")


def forged_tokens() -> dict[str, Callable[[Target], str]]:
    """Tokens that are not good, each for one reason (RFC 8725, section 2)."""
    claims = {"iss": ISSUER, "aud": GATEWAY, "sub": "root", "exp": 2**40, "scope": "tools:execute"}

    def with_the_public_key(target: Target) -> str:
        secret = pem(target.issuer.keys["first"])
        return forged({"alg": "HS256", "kid": "first"}, claims, secret)

    def changed(target: Target) -> str:
        top, _, signature = target.issuer.token().split(".")
        return ".".join([top, forged({}, claims).split(".")[1], signature])

    return {
        "token with alg=none": lambda _: forged({"alg": "none"}, claims),
        "token signed with the public key": with_the_public_key,
        "token with other claims": changed,
        "token of an unknown key": lambda t: t.issuer.token(header={"kid": "nobody"}),
        "expired token": lambda t: t.issuer.token(exp=int(time.time()) - 60),
        "token for somebody else": lambda t: t.issuer.token(aud="https://other.example"),
        "token of another issuer": lambda t: t.issuer.token(iss="https://evil.example"),
    }


def _in_the_query(way: str, body: bytes) -> Callable[[Target], str]:
    def send(target: Target) -> str:
        text = head(way, None, len(body)).decode()
        path = PATHS[way]
        return target.send(text.replace(path, f"{path}?api_key={target.key}", 1).encode(), body)

    return send


def _slowly() -> Iterator[Attack]:
    seconds = TIMEOUT_SEC * 6

    def drip(text: Callable[[Target], bytes]) -> Callable[[Target], str]:
        def send(target: Target) -> str:
            pieces = [bytes([byte]) for byte in text(target)]
            return target.send(*pieces, pause_sec=TIMEOUT_SEC / 8, seconds=seconds)

        return send

    closed = ("closed", "408", "408 1408")
    yield Attack("slow-loris head", "http", drip(lambda t: head("rpc", t.key, 99)), closed)
    yield Attack("no bytes at all", "http", lambda t: t.send(b"", seconds=seconds), closed)
    for way in BOTH:

        def late(target: Target, way: str = way) -> str:
            body = [bytes([byte]) for byte in call(way)]
            start = head(way, target.key, len(body))
            return target.send(start, *body, pause_sec=TIMEOUT_SEC / 8, seconds=seconds)

        yield Attack("slow-loris body", way, late, ("408 1408",))

        def never(target: Target, way: str = way) -> str:
            return target.send(head(way, target.key, 1000), b"{", seconds=seconds)

        yield Attack("a body that never ends", way, never, ("408 1408",))


def _heads() -> Iterator[Attack]:
    big = "X-Big: " + "x" * MB
    many = [f"X-{number}: x" for number in range(20_000)]
    yield Attack("1 MB header", "http", post("rpc", call("rpc"), big), ("431", "400", "closed"))
    yield Attack(
        "20,000 headers", "http", post("rpc", call("rpc"), *many), ("431", "400", "closed")
    )
    noise = bytes(range(256)) * 16
    yield Attack("noise", "http", lambda target: target.send(noise), ("400",))
    tls = bytes.fromhex("16030100f5010000f10303") + b"\0" * 200
    yield Attack("TLS on a plain port", "http", lambda target: target.send(tls), ("400",))
    preface = b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n"
    yield Attack("HTTP/2 preface", "http", lambda target: target.send(preface), ("400", "closed"))


def http_attacks() -> list[Attack]:
    """Every row over HTTP."""
    groups = (_bodies, _bombs, _smuggling, _headers, _credentials, _slowly, _heads)
    return [attack for group in groups for attack in group()]
