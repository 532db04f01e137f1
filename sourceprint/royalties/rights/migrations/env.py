"""The entry point of alembic: run migrations on the given connection, in its transaction."""

from alembic import context

from sourceprint.royalties.rights.database import VERSION_TABLE
from sourceprint.royalties.rights.schema import metadata

context.configure(
    connection=context.config.attributes["connection"],
    target_metadata=metadata,
    version_table=VERSION_TABLE,
    compare_type=True,
)
with context.begin_transaction():
    context.run_migrations()
