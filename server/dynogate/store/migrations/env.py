"""What alembic runs to apply revisions: on the connection and transaction that it is handed."""

from alembic import context

from dynogate.store.migration import VERSION_TABLE
from dynogate.store.schema import metadata

context.configure(
    connection=context.config.attributes["connection"],
    target_metadata=metadata,
    version_table=VERSION_TABLE,
)
context.run_migrations()
