"""Stored profiles: keep, find, page through and drop them."""

import os
import re
import shutil
import tempfile
import weakref
from datetime import datetime
from pathlib import Path

from dynogate.errors import InvalidParams, UnreadableProfile
from dynogate.profiling import document
from dynogate.profiling.cache import ProfileCache
from dynogate.profiling.models import ProfileResult
from dynogate.profiling.stored import (
    ProfilePage,
    StoredLine,
    StoredProfile,
    TrendPoint,
    costly_lines,
    row_of,
    stored_profile,
)
from dynogate.store.clock import to_us
from dynogate.store.database import Database
from dynogate.store.ids import new_id
from dynogate.store.paging import one_page
from dynogate.store.profiles import ProfileTable
from dynogate.store.rows import LineOrder, ProfileFilter, Retention

MAX_PAGE = 1000
_ID_START = re.compile("[0-9a-z_]{0,40}")
_CACHE_BYTES = 128 * 2**20
# Measured with tracemalloc: a profile in memory takes 4 to 6 times the bytes of its document.
_MEMORY_PER_DOCUMENT_BYTE = 6


class ProfileStorage:
    """Profiles that outlive the process, in a database.

    Every method raises `StoreUnavailable` while the database cannot be used. Any number of
    threads and processes may use one database; what one deletes, the others no longer find.
    """

    def __init__(
        self,
        max_profiles: int | None = None,
        *,
        database: Database | None = None,
        max_bytes: int | None = None,
    ) -> None:
        """Open ``database``, or a private temporary one that goes with this object.

        Args:
            max_profiles: how many are kept; the oldest stored go first. None: any number.
            max_bytes: how much they may take, compressed; the newest is always kept.

        Raises:
            ValueError: a limit is not positive.
            ConfigurationError: a newer version of Dynogate has already changed the tables.
        """
        for name, limit in (("max_profiles", max_profiles), ("max_bytes", max_bytes)):
            if limit is not None and limit < 1:
                raise ValueError(f"{name} must be at least 1 (or None for no limit), got {limit}")
        if database is None:
            directory = Path(tempfile.mkdtemp(prefix="dynogate-"))
            database = Database(f"sqlite:///{directory / 'profiles.db'}")
            weakref.finalize(self, _remove, database, directory)
        database.migrate()
        self._table = ProfileTable(database)
        self._retention = Retention(max_count=max_profiles, max_bytes=max_bytes)
        self._cache = ProfileCache(_CACHE_BYTES)

    def store(self, result: ProfileResult) -> str:
        """Keep ``result`` under a new id; it is on the disk when this returns.

        Raises:
            TypeError: ``result`` is not a profile.
        """
        if not isinstance(result, ProfileResult):
            raise TypeError(f"expected a ProfileResult, got {type(result).__name__}")
        profile_id = new_id("prof")
        profile = result.model_copy(update={"profile_id": profile_id, "raw": b""})
        encoded = document.encode(profile)
        self._table.insert(
            row_of(profile, profile_id),
            tags=profile.tags,
            lines=costly_lines(profile),
            document=encoded,
            raw=result.raw,
            retention=self._retention,
        )
        self._cache.put(profile_id, profile, len(encoded) * _MEMORY_PER_DOCUMENT_BYTE)
        return profile_id

    def get(self, profile_id: str) -> ProfileResult | None:
        """The profile, or None where none has this id; its ``raw`` is empty (see `raw`).

        Raises:
            UnreadableProfile: it is damaged, or was written by another version.
        """
        cached = self._cache.get(profile_id)
        if cached is not None:
            if self._table.exists(profile_id):
                return cached
            self._cache.discard(profile_id)
            return None
        encoded = self._table.document(profile_id)
        if encoded is None:
            return None
        try:
            profile = document.decode(encoded)
        except UnreadableProfile as error:
            raise UnreadableProfile(
                f"Profile {profile_id!r} is stored, but {error.message}. Profile again; the other "
                "profiles are not affected."
            ) from error
        self._cache.put(profile_id, profile, len(encoded) * _MEMORY_PER_DOCUMENT_BYTE)
        return profile

    def raw(self, profile_id: str) -> bytes | None:
        """Scalene's own JSON, untouched, or None where none has this id.

        Raises:
            UnreadableProfile: it is damaged.
        """
        return self._table.raw(profile_id)

    def summary(self, profile_id: str) -> StoredProfile | None:
        """What is known of the profile without opening it, or None where none has this id."""
        row = self._table.row(profile_id)
        return None if row is None else stored_profile(row)

    def lines(
        self, profile_id: str, order_by: LineOrder = "cpu", limit: int = 10
    ) -> tuple[StoredLine, ...]:
        """The costliest lines, straight from the database; empty where none has this id.

        Args:
            order_by: ``cpu`` (percent), ``malloc`` or ``retained`` (MB), ``gpu`` (percent).
            limit: how many at most, 1 to 1000.

        Raises:
            InvalidParams: ``limit`` is out of bounds.
        """
        _check_limit(limit)
        found = self._table.lines(profile_id, order_by=order_by, limit=limit)
        return tuple(StoredLine.model_validate(line, from_attributes=True) for line in found)

    def list(
        self,
        script: str | None = None,
        tag: str | None = None,
        since: datetime | None = None,
        until: datetime | None = None,
        cursor: str | None = None,
        limit: int = 50,
    ) -> ProfilePage:
        """The stored profiles, newest first, a page at a time.

        Args:
            script: a path (any that leads to the script), or a bare name: of a script's file, of
                a module, or ``<code>``.
            tag: one of the profile's tags.
            since: created then or later; without a time zone: UTC.
            until: created before; without a time zone: UTC.
            cursor: ``next_cursor`` of the page before, with the same filters.
            limit: how many at most, 1 to 1000.

        Raises:
            InvalidParams: ``limit`` is out of bounds, or ``cursor`` is not one of this list.
        """
        _check_limit(limit)
        wanted = _filter(script, tag, since, until)
        rows, next_cursor = one_page(
            lambda after, most: self._table.page(wanted, after=after, limit=most),
            cursor,
            limit,
            of=str(wanted),
        )
        return ProfilePage(
            profiles=tuple(stored_profile(row) for row in rows),
            next_cursor=next_cursor,
            total=self.count() if wanted == ProfileFilter() else None,
        )

    def ids(self, prefix: str, limit: int) -> tuple[str, ...]:
        """Ids of stored profiles that begin with ``prefix``, newest first, at most ``limit``."""
        return self._table.ids(prefix, limit) if _ID_START.fullmatch(prefix) else ()

    def trend(self, script: str, limit: int = 200) -> tuple[TrendPoint, ...]:
        """The newest ``limit`` runs of ``script`` (as in `list`), oldest first.

        Raises:
            InvalidParams: ``limit`` is out of bounds.
        """
        newest = self.list(script=script, limit=limit).profiles
        return tuple(
            TrendPoint.model_validate(
                {name: getattr(stored, name) for name in TrendPoint.model_fields}
            )
            for stored in reversed(newest)
        )

    def delete(self, profile_id: str) -> bool:
        """Drop the profile; False where none has this id."""
        self._cache.discard(profile_id)
        return self._table.delete(profile_id)

    def clear(self) -> int:
        """Drop every profile; says how many there were."""
        self._cache.clear()
        return self._table.clear()

    def count(self) -> int:
        """How many profiles are stored."""
        return self._table.totals().profiles

    def size_bytes(self) -> int:
        """What they take, compressed, as ``max_bytes`` counts it."""
        return self._table.totals().size_bytes


def _remove(database: Database, directory: Path) -> None:
    database.close()
    shutil.rmtree(directory, ignore_errors=True)


def _filter(
    script: str | None, tag: str | None, since: datetime | None, until: datetime | None
) -> ProfileFilter:
    is_path = script is not None and os.sep in script
    return ProfileFilter(
        scripts=tuple(sorted({script, os.path.realpath(script)})) if script and is_path else None,
        script_name=None if is_path else script,
        tag=tag,
        since_us=None if since is None else to_us(since),
        until_us=None if until is None else to_us(until),
    )


def _check_limit(limit: int) -> None:
    if not 1 <= limit <= MAX_PAGE:
        raise InvalidParams.of("limit", f"expected 1 to {MAX_PAGE}, got {limit}")
