"""The tables of the store, the same on SQLite and PostgreSQL.

Instants are microseconds since 1970 (UTC), times ``_sec``, sizes ``_mb`` (MiB) or ``_bytes``.
A profile's rows hang on its ``key``, an integer that grows with each insert, and go with it.
"""

from sqlalchemy import (
    BigInteger,
    Boolean,
    Column,
    Dialect,
    Double,
    ForeignKey,
    Index,
    Integer,
    LargeBinary,
    MetaData,
    Table,
    Text,
    UniqueConstraint,
)
from sqlalchemy.types import TypeDecorator


class StorableText(TypeDecorator[str]):
    """Text that every database takes: without NUL and lone surrogates.

    PostgreSQL refuses both; they get here in names of files that are not UTF-8.
    """

    impl = Text
    cache_ok = True

    def process_bind_param(self, value: str | None, dialect: Dialect) -> str | None:
        """``value`` with what cannot be stored written as escapes."""
        if value is None:
            return None
        return value.encode("utf-8", "backslashreplace").decode().replace("\0", "\\x00")


metadata = MetaData()

_KEY = BigInteger().with_variant(Integer(), "sqlite")  # SQLite's rowid must be INTEGER


def _profile_key() -> Column[int]:
    owner = ForeignKey("profiles.key", ondelete="CASCADE")
    return Column("profile_key", _KEY, owner, primary_key=True, autoincrement=False)


profiles = Table(
    "profiles",
    metadata,
    Column("key", _KEY, primary_key=True),
    Column("id", StorableText, nullable=False),
    Column("created_us", BigInteger, nullable=False),
    Column("kind", Text, nullable=False),
    Column("script", StorableText, nullable=False),
    Column("script_name", StorableText, nullable=False),
    Column("outcome", Text, nullable=False),
    Column("exit_status", Integer),
    Column("error", StorableText),
    Column("elapsed_sec", Double, nullable=False),
    Column("cpu_sec", Double),
    Column("footprint_mb", Double),
    Column("growth_mb_per_sec", Double),
    Column("cpu_samples", BigInteger, nullable=False),
    Column("alloc_samples", BigInteger, nullable=False),
    Column("repeats", Integer, nullable=False),
    Column("gpu_seen", Boolean, nullable=False),
    Column("python_version", StorableText, nullable=False),
    Column("raw_bytes", BigInteger, nullable=False),
    Column("stored_bytes", BigInteger, nullable=False),
    UniqueConstraint("id", name="profiles_id"),
    Index("profiles_by_time", "created_us", "key"),
    Index("profiles_by_script", "script", "created_us", "key"),
    Index("profiles_by_script_name", "script_name", "created_us", "key"),
)

profile_tags = Table(
    "profile_tags",
    metadata,
    _profile_key(),
    Column("tag", StorableText, primary_key=True),
    # The profile's own, repeated: one index then answers "the newest with this tag".
    Column("created_us", BigInteger, nullable=False),
    Index("profile_tags_by_time", "tag", "created_us", "profile_key"),
    sqlite_with_rowid=False,
)

profile_lines = Table(
    "profile_lines",
    metadata,
    _profile_key(),
    Column("ordinal", Integer, primary_key=True, autoincrement=False),
    Column("file", StorableText, nullable=False),
    Column("lineno", Integer, nullable=False),
    Column("function", StorableText, nullable=False),
    Column("source", StorableText, nullable=False),
    Column("cpu_percent", Double, nullable=False),
    Column("malloc_mb", Double, nullable=False),
    Column("retained_mb", Double),
    Column("gpu_percent", Double, nullable=False),
    sqlite_with_rowid=False,
)

profile_blobs = Table(
    "profile_blobs",
    metadata,
    _profile_key(),
    Column("part", Text, primary_key=True),
    Column("size_bytes", BigInteger, nullable=False),
    Column("data", LargeBinary, nullable=False),
)

# One row: what is stored in all, kept by every insert and delete so that nobody has to count.
store_totals = Table(
    "store_totals",
    metadata,
    Column("id", Integer, primary_key=True, autoincrement=False),
    Column("profiles", BigInteger, nullable=False),
    Column("bytes", BigInteger, nullable=False),
)

jobs = Table(
    "jobs",
    metadata,
    Column("id", StorableText, primary_key=True),
    Column("kind", Text, nullable=False),
    Column("principal", StorableText, nullable=False),
    Column("owner", StorableText, nullable=False),
    Column("state", Text, nullable=False),
    Column("reason", StorableText),
    Column("created_us", BigInteger, nullable=False),
    Column("started_us", BigInteger),
    Column("ended_us", BigInteger),
    Index("jobs_by_end", "ended_us", "id"),
)

api_keys = Table(
    "api_keys",
    metadata,
    Column("id", Text, primary_key=True),
    Column("name", StorableText, nullable=False),
    Column("scopes", Text, nullable=False),
    Column("secret_sha256", LargeBinary, nullable=False),
    Column("created_us", BigInteger, nullable=False),
    Column("expires_us", BigInteger),
    Column("revoked_us", BigInteger),
    Column("last_used_us", BigInteger),
    Index("api_keys_by_time", "created_us", "id"),
)

tasks = Table(
    "tasks",
    metadata,
    Column("id", StorableText, primary_key=True),
    Column("principal", StorableText, nullable=False),
    Column("tool", Text, nullable=False),
    Column("owner", StorableText, nullable=False),
    Column("state", Text, nullable=False),
    Column("message", StorableText),
    Column("created_us", BigInteger, nullable=False),
    Column("updated_us", BigInteger, nullable=False),
    Column("expires_us", BigInteger, nullable=False),
    Column("ended_us", BigInteger),
    Column("cancel_us", BigInteger),
    # JSON: what the client is asked now, what it answered, and the result or the error.
    Column("requests", LargeBinary, nullable=False),
    Column("answers", LargeBinary, nullable=False),
    Column("outcome", LargeBinary),
    Index("tasks_by_principal", "principal", "expires_us"),
    Index("tasks_by_expiry", "expires_us"),
    Index("tasks_by_end", "ended_us", "owner"),
)

load_reports = Table(
    "load_reports",
    metadata,
    Column("key", _KEY, primary_key=True),
    Column("id", StorableText, nullable=False),
    Column("created_us", BigInteger, nullable=False),
    Column("mode", Text, nullable=False),
    Column("url", StorableText, nullable=False),
    Column("transport", Text, nullable=False),
    Column("tools", StorableText, nullable=False),
    Column("loop", Text, nullable=False),
    Column("verdict", Text, nullable=False),
    Column("summary", StorableText, nullable=False),
    Column("interrupted", Boolean, nullable=False),
    Column("duration_sec", Double, nullable=False),
    Column("calls", BigInteger, nullable=False),
    Column("success_rate", Double),
    Column("goodput", Double),
    Column("p50_sec", Double),
    Column("p95_sec", Double),
    Column("p99_sec", Double),
    Column("breaking_point", Double),
    Column("document_bytes", BigInteger, nullable=False),
    Column("stored_bytes", BigInteger, nullable=False),
    Column("text", StorableText, nullable=False),
    Column("document", LargeBinary, nullable=False),
    UniqueConstraint("id", name="load_reports_id"),
    Index("load_reports_by_time", "created_us", "key"),
    Index("load_reports_by_url", "url", "created_us", "key"),
    # Answers what all of them take without reading one.
    Index("load_reports_by_age", "key", "stored_bytes"),
)

# Documents that are only ever asked for by their id, or for the newest of a kind.
reports = Table(
    "reports",
    metadata,
    Column("key", _KEY, primary_key=True),
    Column("id", Text, nullable=False),
    Column("kind", Text, nullable=False),
    Column("created_us", BigInteger, nullable=False),
    Column("document_bytes", BigInteger, nullable=False),
    Column("document", LargeBinary, nullable=False),
    UniqueConstraint("id", name="reports_id"),
    Index("reports_by_kind", "kind", "key"),
)

# Made with the tables, so that every process that uses them has the same.
secrets = Table(
    "secrets",
    metadata,
    Column("name", Text, primary_key=True),
    Column("value", LargeBinary, nullable=False),
)
