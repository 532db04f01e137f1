"""Run by alembic for every command: it works on the connection and in the transaction that it is handed."""

from alembic import context

from sourceprint.service.store.database import VERSION_TABLE
from sourceprint.service.store.schema import metadata

context.configure(
    connection=context.config.attributes["connection"],
    target_metadata=metadata,
    version_table=VERSION_TABLE,
    compare_type=True,
)
with context.begin_transaction():
    context.run_migrations()
