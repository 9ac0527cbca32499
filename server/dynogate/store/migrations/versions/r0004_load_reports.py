"""Reports of load tests."""

import sqlalchemy as sa
from alembic import op

revision = "0004"
down_revision = "0003"


def upgrade() -> None:
    """Make the table of load reports."""
    op.create_table(
        "load_reports",
        sa.Column("key", sa.BigInteger().with_variant(sa.Integer(), "sqlite"), primary_key=True),
        sa.Column("id", sa.Text(), nullable=False),
        sa.Column("created_us", sa.BigInteger(), nullable=False),
        sa.Column("mode", sa.Text(), nullable=False),
        sa.Column("url", sa.Text(), nullable=False),
        sa.Column("transport", sa.Text(), nullable=False),
        sa.Column("tools", sa.Text(), nullable=False),
        sa.Column("loop", sa.Text(), nullable=False),
        sa.Column("verdict", sa.Text(), nullable=False),
        sa.Column("summary", sa.Text(), nullable=False),
        sa.Column("interrupted", sa.Boolean(), nullable=False),
        sa.Column("duration_sec", sa.Double(), nullable=False),
        sa.Column("calls", sa.BigInteger(), nullable=False),
        sa.Column("success_rate", sa.Double()),
        sa.Column("goodput", sa.Double()),
        sa.Column("p50_sec", sa.Double()),
        sa.Column("p95_sec", sa.Double()),
        sa.Column("p99_sec", sa.Double()),
        sa.Column("breaking_point", sa.Double()),
        sa.Column("document_bytes", sa.BigInteger(), nullable=False),
        sa.Column("stored_bytes", sa.BigInteger(), nullable=False),
        sa.Column("text", sa.Text(), nullable=False),
        sa.Column("document", sa.LargeBinary(), nullable=False),
        sa.UniqueConstraint("id", name="load_reports_id"),
    )
    op.create_index("load_reports_by_time", "load_reports", ["created_us", "key"])
    op.create_index("load_reports_by_url", "load_reports", ["url", "created_us", "key"])
    op.create_index("load_reports_by_age", "load_reports", ["key", "stored_bytes"])
