"""Every refusal that docs/security.md lists comes as it says."""

import json
import re
import socket
import sqlite3
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import closing, contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest

from dynogate.app import build_app, open_database
from dynogate.settings import load_settings
from dynogate.store.keys import KeyTable
from tests.issuer import GATEWAY, ISSUER, Issuer
from tests.live import Live, in_process, until

PAGE = Path(__file__).resolve().parents[2] / "docs" / "security.md"
ROW = re.compile(r"^\| (?P<what>A[^|]*|Malf[^|]*|No [^|]*|Two [^|]*) \| (\d{3}) \| (-?\d+)? ?\|$")
Told = tuple[int, int | None]


def documented() -> dict[str, Told]:
    table = PAGE.read_text().partition("## Every refusal")[2]
    rows = (ROW.match(line) for line in table.splitlines())
    return {row[1]: (int(row[2]), int(row[3]) if row[3] else None) for row in rows if row}


def call(tool: str, **arguments: object) -> dict[str, object]:
    return {"jsonrpc": "2.0", "id": 1, "method": tool, "params": arguments}


HELLO = call("echo", say="hi")


@dataclass
class Stand:
    """A gateway to be refused by, what is around it, and a good key."""

    live: Live
    folder: Path
    issuer: Issuer
    key: str
    reader: str

    def post(self, body: object = HELLO, **headers: Any) -> Told:
        return told(self.live.post(body, x_api_key=self.key, **headers))

    def raw(self, request: bytes) -> bytes:
        """Send bytes; what comes back until the connection is closed."""
        host, port = self.live.url.removeprefix("http://").split(":")
        with socket.create_connection((host, int(port)), 15) as client:
            client.sendall(request)
            answer = b""
            while data := client.recv(65536):
                answer += data
            return answer


def told(answer: Any) -> Told:
    return answer.status_code, answer.json().get("error", {}).get("code")


def told_raw(answer: bytes) -> Told:
    head, _, body = answer.partition(b"\r\n\r\n")
    code = json.loads(body)["error"]["code"] if body.startswith(b"{") else None
    return int(head.split(b" ")[1]), code


@contextmanager
def stand(folder: Path, issuer: Issuer, **changes: Any) -> Iterator[Stand]:
    settings = load_settings(
        data_dir=folder,
        toolsets="tests.toolset:toolset,tests.guards.slow_tools:toolset",
        public_url=GATEWAY,
        jwt_issuer=ISSUER,
        jwt_jwks_url=issuer.url,
        max_body_bytes=4096,
        head_timeout_sec=1.0,
        body_timeout_sec=0.5,
        **changes,
    )
    with closing(open_database(settings)) as database:
        keys = KeyTable(database)
        key = keys.create("good", ["tools:read", "tools:execute"])[1]
        reader = keys.create("reader", ["tools:read"])[1]
    with in_process(build_app(settings)) as live:
        yield Stand(live, folder, issuer, key, reader)


@pytest.fixture(scope="module")
def issuer() -> Iterator[Issuer]:
    with Issuer() as issuer:
        yield issuer


HEAD = b"POST /mcp/tools/call HTTP/1.1\r\nHost: localhost\r\nContent-Type: application/json\r\n"


def revoked(at: Stand) -> Told:
    with closing(open_database(load_settings(data_dir=at.folder))) as database:
        keys = KeyTable(database)
        key, text = keys.create("gone", ["tools:read"])
        keys.revoke(key.id)
    return told(at.live.post(HELLO, x_api_key=text))


def no_store(at: Stand) -> Told:
    with closing(sqlite3.connect(at.folder / "dynogate.db")) as connection:
        connection.execute("ALTER TABLE api_keys RENAME TO elsewhere")
        answer = at.live.post(HELLO, x_api_key=at.reader)
        connection.execute("ALTER TABLE elsewhere RENAME TO api_keys")
    return told(answer)


def no_issuer(at: Stand) -> Told:
    at.issuer.answer = (500, b"")
    answer = at.live.post(HELLO, authorization=f"Bearer {at.issuer.token()}")
    at.issuer.answer = None
    return told(answer)


def bearer(at: Stand, token: str) -> Told:
    return told(at.live.post(HELLO, authorization=f"Bearer {token}"))


def content(at: Stand, data: bytes, **headers: Any) -> Told:
    return told(at.live.post(content=data, x_api_key=at.key, **headers))


def slow_body(at: Stand) -> Told:
    key = at.key.encode()
    return told_raw(at.raw(HEAD + b"X-API-Key: " + key + b"\r\nContent-Length: 9\r\n\r\n{"))


def while_busy(at: Stand, count: int, tool: str) -> Told:
    """What a call gets while so many others wait."""
    busy = [threading.Thread(target=at.post, args=(call(tool, seconds=1.5),)) for _ in range(count)]
    for each in busy:
        each.start()
    until(lambda: under_way(at) >= count, "the calls to be under way", 10)
    answer = at.post(call(tool, seconds=0.01))
    for each in busy:
        each.join()
    return answer


def under_way(at: Stand) -> float:
    text = at.live.get("/metrics", x_api_key=at.key).text
    found = re.search(r"^dynogate_calls_under_way (\S+)$", text, re.MULTILINE)
    assert found is not None
    return float(found[1])


def beyond_rate(at: Stand) -> Told:
    answers = [at.post() for _ in range(12)]
    return answers[-1]


def too_many_connections(at: Stand) -> Told:
    host, port = at.live.url.removeprefix("http://").split(":")
    body = json.dumps(call("rest", seconds=3)).encode()
    with socket.create_connection((host, int(port)), 15) as first:
        first.sendall(HEAD + b"X-API-Key: %b\r\n" % at.key.encode())
        first.sendall(b"Content-Length: %d\r\n\r\n%b" % (len(body), body))
        time.sleep(0.5)  # until it is read; there is no second connection to ask by
        return told_raw(at.raw(b""))


Provoke = Callable[[Stand], Told]
REFUSALS: dict[str, tuple[Provoke, dict[str, Any]]] = {
    "Malformed HTTP, or a request that two could read differently": (
        lambda at: told_raw(at.raw(HEAD + b"Content-Length: 1\r\nContent-Length: 2\r\n\r\n{}")), {},
    ),
    "A head that is too long": (
        lambda at: told_raw(at.raw(HEAD + b"X: " + b"a" * 2**15)), {},
    ),
    "A head that does not arrive in time": (lambda at: told_raw(at.raw(HEAD)), {}),
    "A connection too many": (too_many_connections, {"max_connections": 1}),
    "A Host header that is not ours": (lambda at: at.post(host="evil.example"), {}),
    "An Origin header that is not ours": (lambda at: at.post(origin="https://evil.example"), {}),
    "Two credentials": (lambda at: at.post(authorization="Bearer x"), {}),
    "A credential in the query string": (
        lambda at: told(at.live.get(f"/mcp/tools?api_key={at.key}")), {},
    ),
    "No credential": (lambda at: told(at.live.post(HELLO)), {}),
    "A key that is unknown, expired or revoked": (revoked, {}),
    "A token that is expired, forged, or for somebody else": (
        lambda at: bearer(at, at.issuer.token(aud="https://other.example")), {},
    ),
    "A token whose issuer cannot be asked": (no_issuer, {"jwt_leeway_sec": 1}),
    "A key while the store is out of reach": (no_store, {}),
    "A body that is not declared as JSON, or is compressed": (
        lambda at: content(at, b"{}", content_encoding="gzip"), {},
    ),
    "A body that is too long": (lambda at: content(at, b" " * 5000), {}),
    "A body that does not arrive in time": (slow_body, {}),
    "A body that is no JSON, no UTF-8, or nested too deeply": (
        lambda at: content(at, b"[" * 4000), {},
    ),
    "A batch that is too long": (lambda at: content(at, json.dumps([1] * 51).encode()), {}),
    "A tool beyond the credential's scopes": (
        lambda at: told(at.live.post(call("refuse"), x_api_key=at.reader)), {},
    ),
    "A call beyond a rate": (beyond_rate, {"rate_limit": "10/hour"}),
    "A call while the caller has too many under way": (
        lambda at: while_busy(at, 2, "rest"),
        {"rate_limit": "1000/hour", "max_concurrent_per_client": 2},
    ),
    "A call while there is no place, and the queue is full": (
        lambda at: while_busy(at, 2, "rest"), {"max_concurrent_calls": 2, "max_queued_calls": 0},
    ),
    "A call that waited for the event loop for too long": (
        lambda at: at.post(), {"shed_lag_sec": 1e-9},
    ),
    "A call that does not end in time": (
        lambda at: at.post(call("rest", seconds=60)), {"call_timeout_sec": 0.05},
    ),
}  # fmt: skip


def test_the_page_lists_what_is_tested() -> None:
    """No row without a test, no test without a row."""
    assert set(documented()) == set(REFUSALS)


@pytest.fixture(scope="module")
def usual(tmp_path_factory: pytest.TempPathFactory, issuer: Issuer) -> Iterator[Stand]:
    with stand(tmp_path_factory.mktemp("usual"), issuer) as at:
        yield at


@pytest.mark.parametrize("what", REFUSALS)
def test_a_refusal_comes_as_the_page_says(
    what: str, usual: Stand, issuer: Issuer, tmp_path: Path
) -> None:
    """Its HTTP status and its code."""
    provoke, changes = REFUSALS[what]
    if not changes:
        got = provoke(usual)
    else:
        with stand(tmp_path, issuer, **changes) as at:
            got = provoke(at)
    assert got == documented()[what]
