"""alembic's script location."""
