"""Empty databases of rights for tests: a file of SQLite, and a schema of its own on the PostgreSQL server, if any.

The server is the one that SOURCEPRINT_TEST_DATABASE_URL names; without it the tests on PostgreSQL are skipped. Tests
import nothing from here: `tests/conftest.py` makes the fixtures known to all of them.
"""

from __future__ import annotations

import os
import shutil
import uuid
from collections.abc import Iterator
from pathlib import Path

import pytest
from sqlalchemy import create_engine, text
from sqlalchemy.engine import make_url
from sqlalchemy.pool import NullPool

from sourceprint.royalties.rights.database import Database

SERVER = "SOURCEPRINT_TEST_DATABASE_URL"


@pytest.fixture(params=["sqlite", "postgresql"])
def database_place(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[str]:
    """Yield a place for an empty database; its content is dropped in the end."""
    if request.param == "sqlite":
        yield str(tmp_path / "rights.sqlite")
        return
    server = os.environ.get(SERVER)
    if not server:
        pytest.skip(f"{SERVER} is not set: no PostgreSQL to test with")
    url = make_url(server).set(drivername="postgresql+psycopg")
    schema = f"sourceprint_test_{uuid.uuid4().hex}"
    engine = create_engine(url, poolclass=NullPool)
    with engine.begin() as connection:
        connection.execute(text(f"CREATE SCHEMA {schema}"))
    try:
        place = url.update_query_dict({"options": f"-csearch_path={schema}"})
        yield place.render_as_string(hide_password=False)
    finally:
        with engine.begin() as connection:
            connection.execute(text(f"DROP SCHEMA {schema} CASCADE"))


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
