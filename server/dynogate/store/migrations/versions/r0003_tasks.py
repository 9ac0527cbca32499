"""Tasks, and what the processes of one gateway share a secret for."""

import secrets

import sqlalchemy as sa
from alembic import op

revision = "0003"
down_revision = "0002"


def upgrade() -> None:
    """Make the table of tasks, and that of secrets with its one secret in it."""
    op.create_table(
        "tasks",
        sa.Column("id", sa.Text(), primary_key=True),
        sa.Column("principal", sa.Text(), nullable=False),
        sa.Column("tool", sa.Text(), nullable=False),
        sa.Column("owner", sa.Text(), nullable=False),
        sa.Column("state", sa.Text(), nullable=False),
        sa.Column("message", sa.Text()),
        sa.Column("created_us", sa.BigInteger(), nullable=False),
        sa.Column("updated_us", sa.BigInteger(), nullable=False),
        sa.Column("expires_us", sa.BigInteger(), nullable=False),
        sa.Column("ended_us", sa.BigInteger()),
        sa.Column("cancel_us", sa.BigInteger()),
        sa.Column("requests", sa.LargeBinary(), nullable=False),
        sa.Column("answers", sa.LargeBinary(), nullable=False),
        sa.Column("outcome", sa.LargeBinary()),
    )
    op.create_index("tasks_by_principal", "tasks", ["principal", "expires_us"])
    op.create_index("tasks_by_expiry", "tasks", ["expires_us"])
    op.create_index("tasks_by_end", "tasks", ["ended_us", "owner"])
    table = op.create_table(
        "secrets",
        sa.Column("name", sa.Text(), primary_key=True),
        sa.Column("value", sa.LargeBinary(), nullable=False),
    )
    op.bulk_insert(table, [{"name": "request_state", "value": secrets.token_bytes(32)}])
