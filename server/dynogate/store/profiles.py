"""The table of profiles, with their tags, lines and blobs: plain rows in, plain rows out."""

from collections.abc import Sequence
from dataclasses import asdict, fields
from typing import Any

from sqlalchemy import (
    ColumnElement,
    Connection,
    Row,
    Select,
    and_,
    delete,
    func,
    insert,
    select,
    tuple_,
    update,
)

from dynogate.errors import UnreadableProfile
from dynogate.store.blobs import DamagedBlob, pack, unpack
from dynogate.store.database import Database
from dynogate.store.paging import Position
from dynogate.store.rows import (
    LineOrder,
    LineRow,
    ProfileFilter,
    ProfileRow,
    Retention,
    StoredRow,
    Totals,
)
from dynogate.store.schema import (
    profile_blobs,
    profile_lines,
    profile_tags,
    profiles,
    store_totals,
)

# What a row takes on disk beside its text and blobs, indices included (measured on SQLite).
_PROFILE_OVERHEAD_BYTES = 700
_LINE_OVERHEAD_BYTES = 70
# A store evicts at most this many, so that a lowered limit is reached step by step.
_EVICTED_AT_ONCE = 64


# In the order of the fields: a list of profiles is built by position, which is the quickest way.
_ROW_COLUMNS = [profiles.c[field.name] for field in fields(StoredRow) if field.name != "tags"]
_LINE_COLUMNS = [profile_lines.c[field.name] for field in fields(LineRow)]
_LINE_ORDERS = {
    "cpu": profile_lines.c.cpu_percent,
    "malloc": profile_lines.c.malloc_mb,
    "retained": profile_lines.c.retained_mb,
    "gpu": profile_lines.c.gpu_percent,
}


class ProfileTable:
    """Profiles in a database. Every method raises `StoreUnavailable` where it cannot be used."""

    def __init__(self, database: Database) -> None:
        self._database = database

    def insert(
        self,
        row: ProfileRow,
        *,
        tags: Sequence[str],
        lines: Sequence[LineRow],
        document: bytes,
        raw: bytes,
        retention: Retention,
    ) -> None:
        """Store a profile and, in the same transaction, drop the oldest ones beyond ``retention``.

        The profile itself is kept even where it alone is over the limit of bytes.
        """
        blobs = {"document": (len(document), pack(document)), "raw": (len(raw), pack(raw))}
        stored = (
            sum(len(packed) for _, packed in blobs.values())
            + _PROFILE_OVERHEAD_BYTES
            + sum(_size_of(line) for line in lines)
        )
        values = asdict(row) | {"raw_bytes": len(raw), "stored_bytes": stored}
        with self._database.write() as connection:
            connection.execute(insert(profiles).values(values))
            key = connection.execute(_key_of(row.id)).scalar_one()
            _insert_parts(connection, key, row.created_us, tags, lines, blobs)
            _add_to_totals(connection, 1, stored)
            evicted = _evict(connection, retention, keep=key)
        if evicted:
            self._database.give_space_back()

    def exists(self, profile_id: str) -> bool:
        """Whether the profile is stored."""
        with self._database.read() as connection:
            return connection.execute(_key_of(profile_id)).first() is not None

    def row(self, profile_id: str) -> StoredRow | None:
        """The profile's columns, or None where it is not stored."""
        with self._database.read() as connection:
            found = connection.execute(
                select(*_ROW_COLUMNS).where(profiles.c.id == profile_id)
            ).all()
            return next(iter(_with_tags(connection, found)), None)

    def document(self, profile_id: str) -> bytes | None:
        """The profile's document, or None where it is not stored.

        Raises:
            UnreadableProfile: its bytes are damaged.
        """
        return self._blob(profile_id, "document")

    def raw(self, profile_id: str) -> bytes | None:
        """The profiler's own output, or None where the profile is not stored.

        Raises:
            UnreadableProfile: its bytes are damaged.
        """
        return self._blob(profile_id, "raw")

    def lines(self, profile_id: str, *, order_by: LineOrder, limit: int) -> tuple[LineRow, ...]:
        """The profile's costliest lines; none of them cost nothing by ``order_by``."""
        cost = _LINE_ORDERS[order_by]
        query = (
            select(*_LINE_COLUMNS)
            .join(profiles, profiles.c.key == profile_lines.c.profile_key)
            .where(profiles.c.id == profile_id, cost > 0)
            .order_by(cost.desc(), profile_lines.c.ordinal)
            .limit(limit)
        )
        with self._database.read() as connection:
            return tuple(LineRow(**found._mapping) for found in connection.execute(query))

    def page(
        self, wanted: ProfileFilter, *, after: Position | None, limit: int
    ) -> tuple[StoredRow, ...]:
        """At most ``limit`` rows, newest first, from behind ``after``."""
        query = _newest_first(wanted, after).limit(limit)
        with self._database.read() as connection:
            return _with_tags(connection, connection.execute(query).all())

    def ids(self, prefix: str, limit: int) -> tuple[str, ...]:
        """At most ``limit`` ids that begin with ``prefix``, newest first."""
        begins = func.substr(profiles.c.id, 1, len(prefix)) == prefix
        newest = select(profiles.c.id).order_by(profiles.c.created_us.desc(), profiles.c.key.desc())
        with self._database.read() as connection:
            found = connection.execute((newest.where(begins) if prefix else newest).limit(limit))
            return tuple(found.scalars())

    def delete(self, profile_id: str) -> bool:
        """Drop the profile; False where it is not stored."""
        query = select(profiles.c.key, profiles.c.stored_bytes).where(profiles.c.id == profile_id)
        with self._database.write() as connection:
            _lock_totals(connection)
            found = connection.execute(query).first()
            if found is None:
                return False
            _drop(connection, [found])
        self._database.give_space_back()
        return True

    def clear(self) -> int:
        """Drop every profile; says how many there were."""
        with self._database.write() as connection:
            _lock_totals(connection)
            before = _totals(connection)
            connection.execute(delete(profiles))
            _add_to_totals(connection, -before.profiles, -before.size_bytes)
        self._database.give_space_back(max_pages=None)
        return before.profiles

    def totals(self) -> Totals:
        """How much is stored; costs the same however much it is."""
        with self._database.read() as connection:
            return _totals(connection)

    def _blob(self, profile_id: str, part: str) -> bytes | None:
        query = (
            select(profile_blobs.c.data, profile_blobs.c.size_bytes)
            .join(profiles, profiles.c.key == profile_blobs.c.profile_key)
            .where(profiles.c.id == profile_id, profile_blobs.c.part == part)
        )
        with self._database.read() as connection:
            found = connection.execute(query).first()
        if found is None:
            return None
        try:
            return unpack(found.data, found.size_bytes)
        except DamagedBlob as error:
            raise UnreadableProfile(
                f"Profile {profile_id!r} is stored, but its {part} is damaged ({error}). Delete "
                "it and profile again; the other profiles are not affected."
            ) from error


def _key_of(profile_id: str) -> Select[int]:
    return select(profiles.c.key).where(profiles.c.id == profile_id)


def _size_of(line: LineRow) -> int:
    return _LINE_OVERHEAD_BYTES + len(line.file) + len(line.function) + len(line.source)


def _insert_parts(
    connection: Connection,
    key: int,
    created_us: int,
    tags: Sequence[str],
    lines: Sequence[LineRow],
    blobs: dict[str, tuple[int, bytes]],
) -> None:
    connection.execute(
        insert(profile_blobs),
        [
            {"profile_key": key, "part": part, "size_bytes": size, "data": packed}
            for part, (size, packed) in blobs.items()
        ],
    )
    if lines:
        connection.execute(
            insert(profile_lines),
            [
                {"profile_key": key, "ordinal": ordinal, **asdict(line)}
                for ordinal, line in enumerate(lines)
            ],
        )
    if tags:
        connection.execute(
            insert(profile_tags),
            [
                {"profile_key": key, "tag": tag, "created_us": created_us}
                for tag in dict.fromkeys(tags)
            ],
        )


def _newest_first(wanted: ProfileFilter, after: Position | None) -> Select[Any]:
    query: Select[Any] = select(*_ROW_COLUMNS)
    order: tuple[ColumnElement[int], ColumnElement[int]] = (
        profiles.c.created_us,
        profiles.c.key,
    )
    if wanted.tag is not None:
        query = query.join(profile_tags, profile_tags.c.profile_key == profiles.c.key)
        query = query.where(profile_tags.c.tag == wanted.tag)
        order = (profile_tags.c.created_us, profile_tags.c.profile_key)
    conditions: list[ColumnElement[bool]] = []
    if wanted.scripts is not None:
        conditions.append(profiles.c.script.in_(wanted.scripts))
    if wanted.script_name is not None:
        conditions.append(profiles.c.script_name == wanted.script_name)
    if wanted.since_us is not None:
        conditions.append(order[0] >= wanted.since_us)
    if wanted.until_us is not None:
        conditions.append(order[0] < wanted.until_us)
    if after is not None:
        conditions.append(tuple_(*order) < tuple_(after.created_us, after.key))
    return query.where(and_(True, *conditions)).order_by(order[0].desc(), order[1].desc())


def _with_tags(
    connection: Connection, rows: Sequence[Row[*tuple[Any, ...]]]
) -> tuple[StoredRow, ...]:
    tags: dict[int, list[str]] = {row.key: [] for row in rows}
    query = select(profile_tags.c.profile_key, profile_tags.c.tag).order_by(profile_tags.c.tag)
    for key, tag in connection.execute(query.where(profile_tags.c.profile_key.in_(tags))):
        tags[key].append(tag)
    return tuple(StoredRow(*(*row, tuple(tags[row.key]))) for row in rows)


def _evict(connection: Connection, retention: Retention, *, keep: int) -> bool:
    totals = _totals(connection)
    count, size = totals.profiles, totals.size_bytes
    if not retention.exceeded_by(count, size):
        return False
    oldest = (
        select(profiles.c.key, profiles.c.stored_bytes)
        .where(profiles.c.key != keep)
        .order_by(profiles.c.key)
        .limit(_EVICTED_AT_ONCE)
    )
    doomed = []
    for row in connection.execute(oldest):
        if not retention.exceeded_by(count, size):
            break
        doomed.append(row)
        count, size = count - 1, size - row.stored_bytes
    if doomed:
        _drop(connection, doomed)
    return bool(doomed)


def _drop(connection: Connection, rows: Sequence[Row[*tuple[Any, ...]]]) -> None:
    connection.execute(delete(profiles).where(profiles.c.key.in_([row.key for row in rows])))
    _add_to_totals(connection, -len(rows), -sum(row.stored_bytes for row in rows))


def _lock_totals(connection: Connection) -> None:
    """Make other writers wait before any row is locked, so that two can never block each other."""
    connection.execute(select(store_totals.c.id).with_for_update())


def _add_to_totals(connection: Connection, count: int, size_bytes: int) -> None:
    connection.execute(
        update(store_totals).values(
            profiles=store_totals.c.profiles + count, bytes=store_totals.c.bytes + size_bytes
        )
    )


def _totals(connection: Connection) -> Totals:
    row = connection.execute(select(store_totals.c.profiles, store_totals.c.bytes)).one()
    return Totals(profiles=row.profiles, size_bytes=row.bytes)
