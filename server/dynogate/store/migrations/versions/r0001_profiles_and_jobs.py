"""Profiles, their tags, lines and blobs, the totals, and jobs."""

import sqlalchemy as sa
from alembic import op

revision = "0001"
down_revision = None

_KEY = sa.BigInteger().with_variant(sa.Integer(), "sqlite")


def upgrade() -> None:
    """Make the tables of the first release."""
    _make_profiles()
    _make_profile_tags()
    _make_profile_lines()
    op.create_table(
        "profile_blobs",
        _profile_key(),
        sa.Column("part", sa.Text(), primary_key=True),
        sa.Column("size_bytes", sa.BigInteger(), nullable=False),
        sa.Column("data", sa.LargeBinary(), nullable=False),
    )
    totals = op.create_table(
        "store_totals",
        sa.Column("id", sa.Integer(), primary_key=True, autoincrement=False),
        sa.Column("profiles", sa.BigInteger(), nullable=False),
        sa.Column("bytes", sa.BigInteger(), nullable=False),
    )
    op.bulk_insert(totals, [{"id": 1, "profiles": 0, "bytes": 0}])
    _make_jobs()


def _profile_key() -> sa.Column[int]:
    owner = sa.ForeignKey("profiles.key", ondelete="CASCADE")
    return sa.Column("profile_key", _KEY, owner, primary_key=True, autoincrement=False)


def _make_profiles() -> None:
    op.create_table(
        "profiles",
        sa.Column("key", _KEY, primary_key=True),
        sa.Column("id", sa.Text(), nullable=False),
        sa.Column("created_us", sa.BigInteger(), nullable=False),
        sa.Column("kind", sa.Text(), nullable=False),
        sa.Column("script", sa.Text(), nullable=False),
        sa.Column("script_name", sa.Text(), nullable=False),
        sa.Column("outcome", sa.Text(), nullable=False),
        sa.Column("exit_status", sa.Integer()),
        sa.Column("error", sa.Text()),
        sa.Column("elapsed_sec", sa.Double(), nullable=False),
        sa.Column("cpu_sec", sa.Double()),
        sa.Column("footprint_mb", sa.Double()),
        sa.Column("growth_mb_per_sec", sa.Double()),
        sa.Column("cpu_samples", sa.BigInteger(), nullable=False),
        sa.Column("alloc_samples", sa.BigInteger(), nullable=False),
        sa.Column("repeats", sa.Integer(), nullable=False),
        sa.Column("gpu_seen", sa.Boolean(), nullable=False),
        sa.Column("python_version", sa.Text(), nullable=False),
        sa.Column("raw_bytes", sa.BigInteger(), nullable=False),
        sa.Column("stored_bytes", sa.BigInteger(), nullable=False),
        sa.UniqueConstraint("id", name="profiles_id"),
    )
    op.create_index("profiles_by_time", "profiles", ["created_us", "key"])
    op.create_index("profiles_by_script", "profiles", ["script", "created_us", "key"])
    op.create_index("profiles_by_script_name", "profiles", ["script_name", "created_us", "key"])


def _make_profile_tags() -> None:
    op.create_table(
        "profile_tags",
        _profile_key(),
        sa.Column("tag", sa.Text(), primary_key=True),
        sa.Column("created_us", sa.BigInteger(), nullable=False),
        sqlite_with_rowid=False,
    )
    op.create_index("profile_tags_by_time", "profile_tags", ["tag", "created_us", "profile_key"])


def _make_profile_lines() -> None:
    op.create_table(
        "profile_lines",
        _profile_key(),
        sa.Column("ordinal", sa.Integer(), primary_key=True, autoincrement=False),
        sa.Column("file", sa.Text(), nullable=False),
        sa.Column("lineno", sa.Integer(), nullable=False),
        sa.Column("function", sa.Text(), nullable=False),
        sa.Column("source", sa.Text(), nullable=False),
        sa.Column("cpu_percent", sa.Double(), nullable=False),
        sa.Column("malloc_mb", sa.Double(), nullable=False),
        sa.Column("retained_mb", sa.Double()),
        sa.Column("gpu_percent", sa.Double(), nullable=False),
        sqlite_with_rowid=False,
    )


def _make_jobs() -> None:
    op.create_table(
        "jobs",
        sa.Column("id", sa.Text(), primary_key=True),
        sa.Column("kind", sa.Text(), nullable=False),
        sa.Column("principal", sa.Text(), nullable=False),
        sa.Column("owner", sa.Text(), nullable=False),
        sa.Column("state", sa.Text(), nullable=False),
        sa.Column("reason", sa.Text()),
        sa.Column("created_us", sa.BigInteger(), nullable=False),
        sa.Column("started_us", sa.BigInteger()),
        sa.Column("ended_us", sa.BigInteger()),
    )
    op.create_index("jobs_by_end", "jobs", ["ended_us", "id"])
