"""Keys over HTTP: who comes in, who does not, and what they are told."""

import asyncio
import contextlib
import sqlite3
import threading
import time
from collections.abc import Iterator
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest

from dynogate.app import build_app, open_database
from dynogate.errors import Busy, StoreUnavailable, Unauthenticated
from dynogate.guards.authentication import Authenticator
from dynogate.guards.caller import LOCAL
from dynogate.settings import load_settings
from dynogate.store.database import ASKING_STORE, Database
from dynogate.store.keys import ApiKey, KeyTable
from dynogate.wire.fields import Fields
from tests.live import Live, as_process, in_process, until

READ, EXECUTE = "tools:read", "tools:execute"
HELLO = {"jsonrpc": "2.0", "id": 1, "method": "echo", "params": {"say": "hi"}}
REFUSE = {"jsonrpc": "2.0", "id": 1, "method": "refuse", "params": {}}


@pytest.fixture(scope="module")
def data_dir(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tmp_path_factory.mktemp("data")


@pytest.fixture(scope="module")
def keys(data_dir: Path) -> Iterator[KeyTable]:
    with contextlib.closing(open_database(load_settings(data_dir=data_dir))) as database:
        table = KeyTable(database)
        table.create("first", [READ, EXECUTE])
        yield table


@pytest.fixture(scope="module")
def live(data_dir: Path, keys: KeyTable) -> Iterator[Live]:
    settings = load_settings(data_dir=data_dir, toolsets="tests.toolset:toolset")
    with in_process(build_app(settings)) as live:
        yield live


@pytest.mark.parametrize("header", ["authorization", "x_api_key"])
def test_a_good_key_comes_in_under_its_name(live: Live, keys: KeyTable, header: str) -> None:
    """In either header; the tool sees the principal."""
    _, text = keys.create("alice", [READ])
    value = f"Bearer {text}" if header == "authorization" else text
    for _ in range(2):  # asked of the store, then remembered
        answer = live.post(HELLO, content=None, **{header: value})
        assert answer.status_code == 200
        assert answer.json()["result"]["structuredContent"]["principal"] == "key:alice"


def expired(keys: KeyTable) -> str:
    return keys.create("late", [READ], datetime.now(UTC) - timedelta(seconds=1))[1]


def revoked(keys: KeyTable) -> str:
    key, text = keys.create("gone", [READ])
    keys.revoke(key.id)
    return text


def forged(keys: KeyTable) -> str:
    return keys.create("forged", [READ])[1][:-8] + "00000000"


@pytest.mark.parametrize("make", [expired, revoked, forged, lambda keys: "nonsense"])
def test_a_bad_key_is_refused(live: Live, keys: KeyTable, make: Any) -> None:
    """401, a challenge that says the token is invalid, a JSON-RPC body, and no echo of the key."""
    text = make(keys)
    answer = live.post(HELLO, authorization=f"Bearer {text}")
    assert answer.status_code == 401
    assert answer.headers["www-authenticate"] == 'Bearer realm="dynogate", error="invalid_token"'
    assert answer.json()["error"]["code"] == 1401
    assert text not in answer.text


def test_no_key_is_refused(live: Live) -> None:
    """The challenge names no error, as none was made; the message says how to make a key."""
    answer = live.post(HELLO)
    assert answer.status_code == 401
    assert answer.headers["www-authenticate"] == 'Bearer realm="dynogate"'
    assert "dynogate keys create" in answer.json()["error"]["message"]


def test_a_key_in_the_query_is_refused(live: Live, keys: KeyTable) -> None:
    """400, although the key is good."""
    _, text = keys.create("query", [READ])
    answer = live.get(f"/mcp/tools?api_key={text}")
    assert answer.status_code == 400
    assert "query string" in answer.json()["error"]["message"]


def test_a_scope_that_is_missing_is_named(live: Live, keys: KeyTable) -> None:
    """403 by name and by tools/call, with the scope in the challenge and in the body."""
    _, text = keys.create("reader", [READ])
    by_params = {**REFUSE, "method": "tools/call", "params": {"name": "refuse"}}
    for body in (REFUSE, by_params):
        answer = live.post(body, authorization=f"Bearer {text}")
        assert answer.status_code == 403
        assert answer.headers["www-authenticate"] == (
            'Bearer realm="dynogate", error="insufficient_scope", scope="tools:execute"'
        )
        assert answer.json()["error"]["code"] == 1407
        assert answer.json()["error"]["data"] == {"scope": "tools:execute"}


@pytest.mark.parametrize("path", ["/mcp/tools", "/status", "/metrics"])
def test_what_the_gateway_holds_is_told_to_readers_only(
    live: Live, keys: KeyTable, path: str
) -> None:
    """401 without a key, 403 without the scope, as for calls."""
    _, good = keys.create("prometheus", [READ])
    _, poor = keys.create("executor", [EXECUTE])
    assert live.get(path).status_code == 401
    assert live.get(path, x_api_key=poor).status_code == 403
    assert live.get(path, x_api_key=good).status_code == 200


@pytest.mark.parametrize("path", ["/health", "/health/live", "/health/ready"])
def test_health_is_told_to_anyone(live: Live, path: str) -> None:
    """Load balancers have no keys."""
    assert live.get(path).status_code == 200


def test_refusals_are_counted(live: Live, keys: KeyTable) -> None:
    """By the error that was told."""
    _, text = keys.create("counter", [READ])
    live.post(HELLO)
    live.post(REFUSE, x_api_key=text)
    metrics = live.get("/metrics", x_api_key=text).text
    for error in ("Unauthenticated", "InsufficientScope"):
        assert f'dynogate_refused_total{{error="{error}"}}' in metrics


async def test_look_ups_at_once_are_bounded(
    database: Database, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A flood of invented keys does not become a flood of look-ups; known ones pass."""
    monkeypatch.setattr("dynogate.guards.authentication._ASKING_AT_ONCE", 2)
    table = CountingKeys(database)
    _, text = table.create("good", [READ])
    authenticator = Authenticator(table, always=True, ttl_sec=60)
    await authenticator.caller(bearer(text), b"", None)
    table.go_on.clear()
    waiting = [
        asyncio.ensure_future(authenticator.caller(bearer(f"invented{n}"), b"", None))
        for n in range(2)
    ]
    await asyncio.sleep(0)
    with pytest.raises(Busy, match="too many new credentials"):
        await authenticator.caller(bearer("another"), b"", None)
    assert (await authenticator.caller(bearer(text), b"", None)).principal == "key:good"
    table.go_on.set()
    await asyncio.gather(*waiting, return_exceptions=True)
    await authenticator.close()


def test_a_first_key_closes_a_running_gateway(tmp_path: Path) -> None:
    """Until then everyone on this machine is local, whatever they show."""
    settings = load_settings(data_dir=tmp_path, toolsets="tests.toolset:toolset")
    with in_process(build_app(settings)) as live:
        answer = live.post(HELLO, authorization="Bearer anything")
        assert answer.json()["result"]["structuredContent"]["principal"] == "local"
        with contextlib.closing(open_database(settings)) as database:
            KeyTable(database).create("first", [READ])
        until(lambda: live.post(HELLO).status_code == 401, "the key to be noticed", 10)


def test_a_revoked_key_is_refused_by_a_running_gateway(live: Live, keys: KeyTable) -> None:
    """Within seconds, although it was remembered as good."""
    key, text = keys.create("leaked", [READ])
    assert live.post(HELLO, x_api_key=text).status_code == 200
    keys.revoke(key.id)
    until(lambda: live.post(HELLO, x_api_key=text).status_code == 401, "the revocation", 10)


def test_every_worker_refuses_a_revoked_key(tmp_path: Path) -> None:
    """Each asks the store anew after 3 seconds at most."""
    with contextlib.closing(open_database(load_settings(data_dir=tmp_path))) as database:
        table = KeyTable(database)
        key, text = table.create("leaked", [READ])
        env = {"DYNOGATE_TOOLSETS": "tests.toolset:toolset"}
        with as_process(tmp_path, "--workers", "2", env=env) as live:
            statuses = {live.post(HELLO, x_api_key=text).status_code for _ in range(20)}
            assert statuses == {200}  # both workers remember it now
            table.revoke(key.id)
            revoked_at = time.monotonic()
            until(
                lambda: {live.post(HELLO, x_api_key=text).status_code for _ in range(10)} == {401},
                "both workers to refuse it",
                10,
            )
            assert time.monotonic() - revoked_at < 6


@pytest.fixture
def database(tmp_path: Path) -> Iterator[Database]:
    opened = Database(
        f"sqlite:///{tmp_path / 'store.db'}", policy=replace(ASKING_STORE, timeout_sec=0.1)
    )
    opened.migrate()
    yield opened
    opened.close()


class CountingKeys(KeyTable):
    """Keys that know how often they were asked, and can be held up."""

    def __init__(self, database: Database) -> None:
        super().__init__(database)
        self.asked = 0
        self.go_on = threading.Event()
        self.go_on.set()

    def find(self, text: str) -> ApiKey | None:
        self.asked += 1
        assert self.go_on.wait(10)
        return super().find(text)

    def exist(self) -> bool:
        assert self.go_on.wait(10)
        return super().exist()


def bearer(text: str) -> Fields:
    return Fields([(b"authorization", f"Bearer {text}".encode())])


async def test_the_store_is_asked_once_for_all_who_wait(database: Database) -> None:
    """A burst on one new key costs one look-up; and a client that gives up costs nobody else."""
    table = CountingKeys(database)
    _, text = table.create("busy", [READ])
    authenticator = Authenticator(table, always=True)
    table.go_on.clear()
    waiting = [
        asyncio.ensure_future(authenticator.caller(bearer(text), b"", None)) for _ in range(20)
    ]
    await asyncio.sleep(0)
    waiting[0].cancel()
    table.go_on.set()
    found = await asyncio.gather(*waiting, return_exceptions=True)
    assert table.asked == 1
    assert isinstance(found[0], asyncio.CancelledError)
    assert {caller.principal for caller in found[1:] if not isinstance(caller, BaseException)} == {
        "key:busy"
    }
    await authenticator.close()


async def test_what_is_remembered_is_bounded(
    database: Database, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The oldest is forgotten and asked for again."""
    monkeypatch.setattr("dynogate.guards.authentication._REMEMBERED", 2)
    table = CountingKeys(database)
    texts = [table.create(f"k{number}", [READ])[1] for number in range(3)]
    authenticator = Authenticator(table, always=True, ttl_sec=60)
    for text in [*texts, texts[2], texts[0]]:
        await authenticator.caller(bearer(text), b"", None)
    assert table.asked == 4
    await authenticator.close()


async def test_the_use_of_a_key_is_written_down_lazily(database: Database) -> None:
    """Once a minute, however often it is verified."""
    table = KeyTable(database)
    _, text = table.create("used", [READ])
    authenticator = Authenticator(table, always=True, ttl_sec=0)
    await authenticator.caller(bearer(text), b"", None)
    await authenticator.close()
    first = table.all()[0].last_used
    assert first is not None
    await authenticator.caller(bearer(text), b"", None)
    await authenticator.close()
    assert table.all()[0].last_used == first


async def test_a_use_that_cannot_be_written_down_is_no_reason_to_refuse(
    database: Database, tmp_path: Path
) -> None:
    """The store is busy with a long write: reading goes on, and so do calls."""
    table = KeyTable(database)
    _, text = table.create("used", [READ])
    authenticator = Authenticator(table, always=True)
    with contextlib.closing(sqlite3.connect(tmp_path / "store.db")) as other:
        other.execute("BEGIN IMMEDIATE")
        caller = await authenticator.caller(bearer(text), b"", None)
        await authenticator.close()
    assert caller.principal == "key:used"
    assert table.all()[0].last_used is None


async def test_without_a_store_nobody_new_comes_in(database: Database) -> None:
    """Neither with a key, nor without one before it is known that none is needed."""
    table = KeyTable(database)
    _, text = table.create("ci", [READ])
    with database.write() as connection:
        connection.exec_driver_sql("DROP TABLE api_keys")
    for always in (True, False):
        with pytest.raises(StoreUnavailable):
            await Authenticator(table, always=always).caller(bearer(text), b"", None)


async def test_a_store_that_goes_away_does_not_lock_this_machine_out(database: Database) -> None:
    """Nobody can have made a key meanwhile; metrics must tell of the outage."""
    authenticator = Authenticator(KeyTable(database), always=False, ttl_sec=0)
    assert await authenticator.caller(Fields([]), b"", ("127.0.0.1", 1)) == LOCAL
    with database.write() as connection:
        connection.exec_driver_sql("DROP TABLE api_keys")
    assert await authenticator.caller(Fields([]), b"", ("127.0.0.1", 1)) == LOCAL


async def test_who_keeps_calling_never_waits_for_a_silent_store(database: Database) -> None:
    """It is looked at before what is known of it is too old to be believed."""
    table = CountingKeys(database)
    authenticator = Authenticator(table, always=False, ttl_sec=0.6)
    assert await authenticator.caller(Fields([]), b"", ("127.0.0.1", 1)) == LOCAL
    table.go_on.clear()
    longest = 0.0
    for _ in range(50):
        await asyncio.sleep(0.02)
        start = time.monotonic()
        assert await authenticator.caller(Fields([]), b"", ("127.0.0.1", 1)) == LOCAL
        longest = max(longest, time.monotonic() - start)
    assert longest < 0.1
    table.go_on.set()
    await authenticator.close()


async def test_a_store_that_falls_silent_holds_one_call_up(database: Database) -> None:
    """Whether there are keys is found out behind the back of the others, once it answers."""
    table = CountingKeys(database)
    authenticator = Authenticator(table, always=False, ttl_sec=0)
    nobody = (Fields([]), b"", ("127.0.0.1", 1))
    assert await authenticator.caller(*nobody) == LOCAL
    table.create("first", [READ])
    table.go_on.clear()
    start = time.monotonic()
    for _ in range(20):
        assert await authenticator.caller(*nobody) == LOCAL
    assert 0.2 < time.monotonic() - start < 2.0  # each waiting would take 5 s
    table.go_on.set()
    while not authenticator._required:
        await authenticator.caller(*nobody)
        await asyncio.sleep(0.01)
        assert time.monotonic() - start < 20
    with pytest.raises(Unauthenticated):
        await authenticator.caller(*nobody)
    await authenticator.close()


async def test_a_key_is_not_remembered_beyond_its_end(database: Database) -> None:
    """Even where what the store said is believed for longer."""
    table = KeyTable(database)
    _, text = table.create("short", [READ], datetime.now(UTC) + timedelta(seconds=0.3))
    authenticator = Authenticator(table, always=True, ttl_sec=60)
    await authenticator.caller(bearer(text), b"", None)
    await asyncio.sleep(0.35)
    with pytest.raises(Unauthenticated, match="is expired"):
        await authenticator.caller(bearer(text), b"", None)
    await authenticator.close()


@pytest.mark.parametrize(
    ("address", "share"),
    [
        ("127.0.0.1", "local"),
        ("::1", "local"),
        ("192.0.2.7", "address:192.0.2.7"),
        ("2001:db8:1:2:3::4", "address:2001:db8:1:2::/64"),
        ("not-an-address", "local"),
    ],
)
async def test_callers_without_names_are_counted_by_address(
    database: Database, address: str, share: str
) -> None:
    """A site with a /64 of IPv6 addresses is one caller."""
    authenticator = Authenticator(KeyTable(database), always=False)
    caller = await authenticator.caller(Fields([]), b"", (address, 1))
    assert (caller.principal, caller.share) == ("local", share)
