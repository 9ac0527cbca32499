import re
from datetime import UTC, datetime, timedelta

import pytest
from sqlalchemy import select

from dynogate.store.database import Database
from dynogate.store.keys import KeyTable
from dynogate.store.schema import api_keys

BOTH = ("tools:read", "tools:execute")


@pytest.fixture
def table(database: Database) -> KeyTable:
    return KeyTable(database)


def test_a_key_is_found_by_its_text(table: KeyTable) -> None:
    """With its name, scopes and times; the text has a prefix, the id and 256 random bits."""
    made, text = table.create("ci", BOTH)
    assert re.fullmatch(r"dynogate_[0-9a-z]{26}_[0-9a-f]{64}", text)
    assert table.find(text) == made
    assert (made.name, made.scopes, made.state) == ("ci", frozenset(BOTH), "good")
    assert (made.expires, made.revoked, made.last_used) == (None, None, None)
    assert datetime.now(UTC) - made.created < timedelta(minutes=1)


def test_a_key_is_not_in_the_store(table: KeyTable, database: Database) -> None:
    """Who reads the table cannot call with what is in it."""
    _, text = table.create("ci", BOTH)
    with database.read() as connection:
        row = repr(connection.execute(select(api_keys)).one())
    assert text[-64:] not in row


@pytest.mark.parametrize(
    "spoil",
    [
        lambda text: text[:-1] + ("0" if text[-1] != "0" else "1"),
        lambda text: text.replace("dynogate_", "dynogate_0", 1),
        lambda text: "dynogate_" + "0" * 26 + text[-65:],
        lambda text: text + "\n",
        lambda text: text.upper(),
        lambda text: "",
    ],
)
def test_a_key_that_is_nearly_right_is_not_found(table: KeyTable, spoil: object) -> None:
    """One wrong digit, another id, something around it."""
    assert callable(spoil)
    _, text = table.create("ci", BOTH)
    assert table.find(spoil(text)) is None


def test_a_key_expires(table: KeyTable) -> None:
    """Found still, and known to be expired."""
    past, future = (datetime.now(UTC) + timedelta(days=days) for days in (-1, 1))
    assert table.create("old", BOTH, past)[0].state == "expired"
    assert table.create("new", BOTH, future)[0].state == "good"


def test_a_key_is_revoked_once(table: KeyTable) -> None:
    """The time of the first revocation stays."""
    made, text = table.create("ci", BOTH)
    first = table.revoke(made.id)
    assert first is not None
    assert first.state == "revoked"
    assert table.revoke(made.id) == first
    assert table.find(text) == first


def test_an_unknown_key_is_not_revoked(table: KeyTable) -> None:
    """The caller is told so."""
    assert table.revoke("key_nobody") is None


def test_keys_are_listed_newest_first(table: KeyTable) -> None:
    """Revoked ones, too: the list is the record of who had access."""
    older, newer = table.create("a", BOTH)[0], table.create("b", ["tools:read"])[0]
    table.revoke(older.id)
    assert [(key.name, key.state) for key in table.all()] == [("b", "good"), ("a", "revoked")]
    assert table.all()[0] == newer


def test_a_revoked_key_still_counts_as_one_that_was_made(table: KeyTable) -> None:
    """Revoking the last key must not open the gateway to everybody."""
    assert not table.exist()
    made, _ = table.create("ci", BOTH)
    table.revoke(made.id)
    assert table.exist()


def test_the_time_of_use_is_kept(table: KeyTable) -> None:
    """Of one key, not of others."""
    used, other = table.create("a", BOTH)[0], table.create("b", BOTH)[0]
    table.touch(used.id)
    seen = {key.id: key.last_used for key in table.all()}
    assert seen[used.id] is not None
    assert seen[other.id] is None
