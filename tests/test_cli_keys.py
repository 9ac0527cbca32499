import json
from contextlib import closing
from pathlib import Path

import pytest

from dynogate.app import open_database
from dynogate.settings import load_settings
from dynogate.store.keys import KeyTable
from tests.test_cli import Command


@pytest.fixture
def keys(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> "Keys":
    return Keys(tmp_path, Command(monkeypatch, capsys))


class Keys:
    """Runs ``dynogate keys`` on a store of its own."""

    def __init__(self, data_dir: Path, command: Command) -> None:
        self.data_dir, self._command = data_dir, command

    def __call__(self, *words: str) -> tuple[int, str, str]:
        return self._command("keys", *words, "--data-dir", str(self.data_dir))


def test_a_key_is_made_and_shown_once(keys: Keys) -> None:
    """Standard output is the key alone, for scripts; the store has only its hash."""
    code, out, told = keys("create", "ci", "--scope", "tools:read", "--expires-days", "1.5")
    assert code == 0
    assert "cannot be shown again" in told
    with closing(open_database(load_settings(data_dir=keys.data_dir))) as database:
        found = KeyTable(database).find(out.strip())
    assert found is not None
    assert (found.name, found.scopes) == ("ci", frozenset({"tools:read"}))
    assert found.expires is not None
    assert (found.expires - found.created).total_seconds() == pytest.approx(1.5 * 86400, abs=5)
    assert out.strip().encode() not in b"".join(
        path.read_bytes() for path in keys.data_dir.iterdir()
    )


def test_a_key_is_made_listed_and_revoked_as_json(keys: Keys) -> None:
    """Only the answer to create has the key; both scopes are the default."""
    made = json.loads(keys("create", "bot", "--json")[1])
    assert made["key"].startswith("dynogate_")
    assert made["scopes"] == ["tools:execute", "tools:read"]
    [listed] = json.loads(keys("list", "--json")[1])
    assert listed == {name: value for name, value in made.items() if name != "key"}
    revoked = json.loads(keys("revoke", made["id"], "--json")[1])
    assert (revoked["id"], revoked["state"]) == (made["id"], "revoked")


def test_keys_are_listed_and_revoked_for_people(keys: Keys) -> None:
    """A table, and a sentence."""
    key_id = json.loads(keys("create", "bot", "--json")[1])["id"]
    assert key_id in keys("list")[1]
    assert keys("revoke", key_id)[1] == f"{key_id}, for 'bot', is revoked\n"
    assert "revoked" in keys("list")[1]


@pytest.mark.parametrize(
    ("words", "problem"),
    [
        (["create", " "], "1 to 100 characters"),
        (["create", "x" * 101], "1 to 100 characters"),
        (["create", "x", "--expires-days", "0"], "over 0"),
        (["revoke", "key_nothing"], "no key has the id 'key_nothing'"),
    ],
)
def test_a_wrong_command_says_what_is_wrong(keys: Keys, words: list[str], problem: str) -> None:
    """With the exit code of usage errors, and nothing made."""
    code, _, told = keys(*words)
    assert code == 2
    assert problem in told
    assert json.loads(keys("list", "--json")[1]) == []
