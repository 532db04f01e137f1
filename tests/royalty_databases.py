"""Empty databases of rights for tests: a file of SQLite, and a schema on the PostgreSQL server, if any.

The server is the one that SOURCEPRINT_TEST_DATABASE_URL names; without it the tests on PostgreSQL are skipped. Tests
import nothing from here: `tests/conftest.py` makes the fixtures known to all of them.

Migrations take ten times as long as a usual test. They run once per process: a file of SQLite is copied, and a schema
is emptied and given to the next test, unless a test has changed its tables.
"""

from __future__ import annotations

import os
import shutil
import uuid
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from sqlalchemy import Connection, Engine, create_engine, event, insert, select, text
from sqlalchemy.engine import Dialect, make_url
from sqlalchemy.pool import NullPool

from sourceprint.royalties.rights.database import VERSION_TABLE, Database
from sourceprint.royalties.rights.schema import metadata

SERVER = "SOURCEPRINT_TEST_DATABASE_URL"

# Text of SQL by dialect. A process opens hundreds of databases, and each engine would compile the same queries again:
# a quarter of the time of the tests. The text depends on the dialect, and is kept under its identity.
_COMPILED: dict[str, tuple[Dialect, dict[Any, Any]]] = {}


@event.listens_for(Engine, "engine_connect")
def _share_compiled_queries(connection: Connection) -> None:
    connection.dialect, compiled = _COMPILED.setdefault(connection.dialect.name, (connection.dialect, {}))
    connection.execution_options(compiled_cache=compiled)


class _Schemas:
    """Schemas on the server, by name: new ones, and migrated ones that are used again and again."""

    # Columns, constraints, indexes, views, sequences, triggers and functions: all that a test may have changed.
    _SHAPE = """
        SELECT relkind::text, relname::text, attname::text, format_type(atttypid, atttypmod), attnotnull
        FROM pg_class JOIN pg_attribute ON attrelid = pg_class.oid WHERE relnamespace = to_regnamespace(:schema)
        UNION ALL SELECT 'constraint', conname::text, pg_get_constraintdef(oid), '', true
        FROM pg_constraint WHERE connamespace = to_regnamespace(:schema)
        UNION ALL SELECT 'trigger', tgname::text, relname::text, '', true
        FROM pg_trigger JOIN pg_class ON tgrelid = pg_class.oid
        WHERE relnamespace = to_regnamespace(:schema) AND NOT tgisinternal
        UNION ALL SELECT 'function', proname::text, '', '', true
        FROM pg_proc WHERE pronamespace = to_regnamespace(:schema)
    """
    _RESTART = """
        SELECT setval(oid::regclass, 1, false) FROM pg_class
        WHERE relkind = 'S' AND relnamespace = to_regnamespace(:schema)
    """

    def __init__(self, server: str) -> None:
        self._url = make_url(server).set(drivername="postgresql+psycopg")
        self._engine = create_engine(self._url, poolclass=NullPool)
        self._shapes: dict[str, set[Any]] = {}
        self._rows: dict[str, list[tuple[Any, list[Any]]]] = {}
        self._free: list[str] = []

    def place(self, schema: str) -> str:
        """Return the URL of a schema."""
        url = self._url.update_query_dict({"options": f"-csearch_path={schema}"})
        return url.render_as_string(hide_password=False)

    def new(self) -> str:
        schema = f"sourceprint_test_{uuid.uuid4().hex}"
        with self._engine.begin() as connection:
            connection.execute(text(f"CREATE SCHEMA {schema}"))
        return schema

    def drop(self, schema: str) -> None:
        with self._engine.begin() as connection:
            connection.execute(text(f"DROP SCHEMA {schema} CASCADE"))

    def migrated(self) -> str:
        """Return a schema with empty tables."""
        if self._free:
            return self._free.pop()
        schema = self.new()
        Database.open(self.place(schema), create=True)
        with self._engine.begin() as connection:
            self._shapes[schema] = self._shape(connection, schema)
            self._enter(connection, schema)
            self._rows[schema] = [
                (table, [dict(row) for row in connection.execute(select(table)).mappings()])
                for table in metadata.sorted_tables
            ]
        return schema

    def give_back(self, schema: str) -> None:
        """Empty a schema for the next test, or drop it if its tables are not the same."""
        with self._engine.begin() as connection:
            same = self._shape(connection, schema) == self._shapes[schema]
            if same:
                self._enter(connection, schema)
                for table in reversed(metadata.sorted_tables):
                    connection.execute(table.delete())
                connection.execute(text(self._RESTART), {"schema": schema})
                for table, rows in self._rows[schema]:
                    if rows:
                        connection.execute(insert(table), rows)
        if same:
            self._free.append(schema)
        else:
            self.drop(schema)

    def close(self) -> None:
        for schema in self._free:
            self.drop(schema)

    def _shape(self, connection: Connection, schema: str) -> set[Any]:
        shape = {tuple(row) for row in connection.execute(text(self._SHAPE), {"schema": schema})}
        if any(row[1] == VERSION_TABLE for row in shape):
            shape |= {tuple(row) for row in connection.execute(text(f"SELECT * FROM {schema}.{VERSION_TABLE}"))}
        return shape

    def _enter(self, connection: Connection, schema: str) -> None:
        connection.execute(text(f"SET LOCAL search_path = {schema}"))


@pytest.fixture(scope="session")
def _schemas() -> Iterator[_Schemas]:
    server = os.environ.get(SERVER)
    if not server:
        pytest.skip(f"{SERVER} is not set: no PostgreSQL to test with")
    schemas = _Schemas(server)
    yield schemas
    schemas.close()


@pytest.fixture(params=["sqlite", "postgresql"])
def database_place(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[str]:
    """Yield a place for an empty database, with its tables for tests that take `database` too."""
    if request.param == "sqlite":
        yield str(tmp_path / "rights.sqlite")
        return
    schemas: _Schemas = request.getfixturevalue("_schemas")
    if "database" in request.fixturenames:
        schema = schemas.migrated()
        yield schemas.place(schema)
        schemas.give_back(schema)
    else:
        schema = schemas.new()
        yield schemas.place(schema)
        schemas.drop(schema)


@pytest.fixture(scope="session")
def new_sqlite(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Return a file of SQLite with empty tables, to be copied: the migrations take ten times as long."""
    path = tmp_path_factory.mktemp("new") / "rights.sqlite"
    Database.open(path, create=True)
    return path


@pytest.fixture
def sqlite_database(new_sqlite: Path, tmp_path: Path) -> Database:
    """Return an empty database of rights on SQLite, `rights.sqlite` in the folder of the test."""
    return Database.open(shutil.copyfile(new_sqlite, tmp_path / "rights.sqlite"))


@pytest.fixture
def database(database_place: str, new_sqlite: Path) -> Database:
    """Return an empty database of rights, once on SQLite and once on PostgreSQL."""
    if "://" not in database_place:
        shutil.copyfile(new_sqlite, database_place)
    return Database.open(database_place, create=True)
