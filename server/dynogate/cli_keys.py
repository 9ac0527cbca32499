"""``dynogate keys``: make, list and revoke the API keys of a gateway's store."""

import contextlib
import sys
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import TYPE_CHECKING, Literal, get_args

import cyclopts
import msgspec
from rich.console import Console
from rich.table import Table

if TYPE_CHECKING:
    from dynogate.store.keys import ApiKey, KeyTable

keys = cyclopts.App(
    name="keys",
    help="Make, list and revoke API keys. Once one was made, the gateway asks everyone for one.",
)

KeyScope = Literal["tools:read", "tools:execute"]
_LONGEST_NAME, _LONGEST_DAYS = 100, 36_500


@keys.command
def create(
    name: str,
    *,
    scope: list[KeyScope] | None = None,
    expires_days: float | None = None,
    data_dir: Path | None = None,
    json: bool = False,
) -> None:
    """Make a key and show it, this once: the store keeps only its hash.

    Parameters
    ----------
    name
        Who or what will use it; what one name does is counted and limited together.
    scope
        What it may do, tools:read or tools:execute; may be given several times (both).
    expires_days
        Days until it expires (never).
    data_dir
        Where the gateway's embedded store lives.
    json
        Print it as JSON.
    """
    if not name.strip() or len(name) > _LONGEST_NAME:
        raise ValueError(f"NAME must have 1 to {_LONGEST_NAME} characters")
    if expires_days is not None and not 0 < expires_days <= _LONGEST_DAYS:
        raise ValueError(f"--expires-days must be over 0 and at most {_LONGEST_DAYS}")
    expires = None if expires_days is None else datetime.now(UTC) + timedelta(days=expires_days)
    with _table(data_dir) as table:
        key, text = table.create(name, scope or get_args(KeyScope), expires)
    if json:
        _print_json({**_told(key), "key": text})
        return
    sys.stdout.write(text + "\n")
    sys.stderr.write(
        f"{key.id}, for {key.name!r}: {' '.join(sorted(key.scopes))}. Keep it now: it cannot be "
        "shown again. Clients send it as Authorization: Bearer KEY; `dynogate call` takes it from "
        "DYNOGATE_API_KEY.\n"
    )


@keys.command(name="list")
def list_keys(*, data_dir: Path | None = None, json: bool = False) -> None:
    """List every key there was, the newest first.

    Parameters
    ----------
    data_dir
        Where the gateway's embedded store lives.
    json
        Print them as JSON.
    """
    with _table(data_dir) as table:
        found = table.all()
    if json:
        _print_json([_told(key) for key in found])
        return
    shown = Table(box=None)
    shown.add_column("id", no_wrap=True)  # whole, for `revoke`
    for title in ("name", "scopes", "state", "last used"):
        shown.add_column(title)
    for key in found:
        shown.add_row(key.id, key.name, " ".join(sorted(key.scopes)), key.state, _day(key))
    Console().print(shown)


@keys.command
def revoke(key_id: str, *, data_dir: Path | None = None, json: bool = False) -> None:
    """Revoke a key for good; running gateways refuse it within seconds.

    Parameters
    ----------
    key_id
        Its id, as `dynogate keys list` shows it.
    data_dir
        Where the gateway's embedded store lives.
    json
        Print the key as JSON.
    """
    with _table(data_dir) as table:
        key = table.revoke(key_id)
    if key is None:
        raise ValueError(f"no key has the id {key_id!r}; `dynogate keys list` shows what there is")
    if json:
        _print_json(_told(key))
    else:
        sys.stdout.write(f"{key.id}, for {key.name!r}, is revoked\n")


@contextlib.contextmanager
def _table(data_dir: Path | None) -> Iterator["KeyTable"]:
    from dynogate.app import open_database
    from dynogate.settings import load_settings
    from dynogate.store.keys import KeyTable

    with contextlib.closing(open_database(load_settings(data_dir=data_dir))) as database:
        yield KeyTable(database)


def _told(key: "ApiKey") -> dict[str, object]:
    return {
        "id": key.id,
        "name": key.name,
        "scopes": sorted(key.scopes),
        "state": key.state,
        "created": key.created,
        "expires": key.expires,
        "revoked": key.revoked,
        "last_used": key.last_used,
    }


def _day(key: "ApiKey") -> str:
    return "never" if key.last_used is None else f"{key.last_used:%Y-%m-%d %H:%M} UTC"


def _print_json(value: object) -> None:
    sys.stdout.write(msgspec.json.format(msgspec.json.encode(value), indent=2).decode() + "\n")
