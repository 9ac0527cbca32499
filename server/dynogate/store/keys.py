"""The table of API keys: what each may do, until when, and the hash of its secret.

A key reads ``dynogate_<26 characters of its id>_<64 hexadecimal digits>``: a prefix that leak
scanners can look for, an id that may be shown and logged, and 256 random bits. The secret is kept
as a plain SHA-256. A slow, salted hash makes guessing costly where people choose the secret; 256
random bits cannot be guessed at any speed (OWASP, Password Storage Cheat Sheet, speaks of
passwords only), and a check must not cost the gateway 100 ms.
"""

import hashlib
import hmac
import re
import secrets
from collections.abc import Collection, Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Any, Final, Literal

from sqlalchemy import insert, or_, select, update

from dynogate.store.clock import from_us, now_us, to_us
from dynogate.store.database import Database
from dynogate.store.ids import new_id
from dynogate.store.schema import api_keys

_ID_PREFIX: Final = "key_"
_KEY: Final = re.compile(r"dynogate_([0-9a-z]{26})_([0-9a-f]{64})")
_LISTED_AT_MOST: Final = 10_000


@dataclass(frozen=True, slots=True, kw_only=True)
class ApiKey:
    """One key, without its secret."""

    id: str
    name: str
    scopes: frozenset[str]
    created: datetime
    expires: datetime | None
    revoked: datetime | None
    last_used: datetime | None

    @property
    def state(self) -> Literal["good", "revoked", "expired"]:
        """What it is now."""
        if self.revoked is not None:
            return "revoked"
        if self.expires is not None and to_us(self.expires) <= now_us():
            return "expired"
        return "good"


class KeyTable:
    """The API keys. Every method raises `StoreUnavailable` where it cannot be used."""

    def __init__(self, database: Database) -> None:
        self._database = database

    def create(
        self, name: str, scopes: Collection[str], expires: datetime | None = None
    ) -> tuple[ApiKey, str]:
        """Make a key; its text, the second of the two, is kept nowhere and cannot be had again."""
        key_id, secret = new_id("key"), secrets.token_hex(32)
        values = {
            "id": key_id,
            "name": name,
            "scopes": " ".join(sorted(scopes)),
            "secret_sha256": _hashed(secret),
            "created_us": now_us(),
            "expires_us": None if expires is None else to_us(expires),
        }
        with self._database.write() as connection:
            connection.execute(insert(api_keys).values(values))
        text = f"dynogate_{key_id.removeprefix(_ID_PREFIX)}_{secret}"
        return _read({**values, "revoked_us": None, "last_used_us": None}), text

    def find(self, text: str) -> ApiKey | None:
        """The key that reads ``text``, good or not, or None where there is none."""
        parts = _KEY.fullmatch(text)
        if parts is None:
            return None
        named = select(api_keys).where(api_keys.c.id == _ID_PREFIX + parts[1])
        with self._database.read() as connection:
            row = connection.execute(named).mappings().first()
        # Found by its id, which is no secret; what is secret is compared in constant time.
        if row is None or not hmac.compare_digest(row["secret_sha256"], _hashed(parts[2])):
            return None
        return _read(row)

    def exist(self) -> bool:
        """Whether a key was ever made here, be it revoked or expired by now."""
        with self._database.read() as connection:
            return connection.execute(select(api_keys.c.id).limit(1)).first() is not None

    def all(self) -> list[ApiKey]:
        """Every key, the newest first."""
        newest = select(api_keys).order_by(api_keys.c.created_us.desc(), api_keys.c.id.desc())
        with self._database.read() as connection:
            rows = connection.execute(newest.limit(_LISTED_AT_MOST)).mappings().all()
        return [_read(row) for row in rows]

    def revoke(self, key_id: str) -> ApiKey | None:
        """Revoke a key for good; None where there is none. The first revocation counts."""
        this = api_keys.c.id == key_id
        with self._database.write() as connection:
            connection.execute(
                update(api_keys)
                .where(this, api_keys.c.revoked_us.is_(None))
                .values(revoked_us=now_us())
            )
            row = connection.execute(select(api_keys).where(this)).mappings().first()
        return None if row is None else _read(row)

    def touch(self, key_id: str) -> None:
        """Record that the key is used now."""
        now, used = now_us(), api_keys.c.last_used_us
        with self._database.write() as connection:
            connection.execute(
                update(api_keys)
                .where(api_keys.c.id == key_id, or_(used.is_(None), used < now))
                .values(last_used_us=now)
            )


def _hashed(secret: str) -> bytes:
    return hashlib.sha256(secret.encode()).digest()


def _read(row: Mapping[Any, Any]) -> ApiKey:
    def instant(column: str) -> datetime | None:
        return None if row[column] is None else from_us(row[column])

    return ApiKey(
        id=row["id"],
        name=row["name"],
        scopes=frozenset(row["scopes"].split()),
        created=from_us(row["created_us"]),
        expires=instant("expires_us"),
        revoked=instant("revoked_us"),
        last_used=instant("last_used_us"),
    )
