"""The service's own tables: those of the schema, whether they were made at once or version by version."""

from __future__ import annotations

from alembic.autogenerate import compare_metadata
from alembic.migration import MigrationContext
from sqlalchemy import text

from sourceprint.royalties.rights.engine import find_place, open_engine
from sourceprint.service.store.database import VERSION_TABLE, VERSIONS, ServiceDatabase
from sourceprint.service.store.schema import metadata


def test_the_tables_of_every_version_lead_to_those_of_the_schema(database_place: str) -> None:
    engine = open_engine(find_place(database_place), create=True, lock_seconds=5)
    with engine.connect() as connection:
        connection.execution_options(sourceprint_writes=True)
        with connection.begin():
            VERSIONS.upgrade(connection, "0001")
            connection.execute(text("INSERT INTO organisation (id, name, created_at) VALUES ('kept', 'Kept', '2026')"))
    database = ServiceDatabase.open(database_place)
    with database.reading() as connection:
        context = MigrationContext.configure(connection, opts={"version_table": VERSION_TABLE, "compare_type": True})
        assert compare_metadata(context, metadata) == []
        assert connection.scalar(text("SELECT name FROM organisation")) == "Kept"
    database.close()
    engine.dispose()
