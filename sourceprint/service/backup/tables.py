"""Databases of a service as files of SQLite, whichever kind they are, and such files in a database on a server.

A file is copied with SQLite's own backup, page by page in one read transaction. A database on a server is read in one
transaction that sees one state of all its schemas, table by table, into files with tables of the same version. So a
backup is the same on both, and can be put back into either.
"""

import sqlite3
from collections.abc import Callable, Mapping
from contextlib import closing
from pathlib import Path

from sqlalchemy import Connection, MetaData, Table, delete, func, insert, inspect, select, text

from fingerprint.errors import RightsDatabaseError, printable
from sourceprint.royalties.rights import database as rights_database
from sourceprint.royalties.rights.engine import find_place, open_engine, refusals
from sourceprint.service.store import database as service_database

__all__ = ["copy_file", "copy_schemas", "expect_known_file", "fill_schemas", "is_sound"]

_AT_ONCE = 1_000
_LOCK_SECONDS = 30
_VERSIONS = {
    service_database.VERSION_TABLE: service_database.VERSIONS,
    rights_database.VERSION_TABLE: rights_database.VERSIONS,
}


def copy_file(source: Path, target: Path) -> None:
    """Copy a database in a file, as it is at one moment, to a new file.

    Raises
    ------
    RightsDatabaseError
        If it cannot be read, or is of a newer version.
    """
    with (
        refusals(str(source)),
        closing(sqlite3.connect(f"file:{source}?mode=ro", uri=True, timeout=_LOCK_SECONDS)) as here,
        closing(sqlite3.connect(target)) as there,
    ):
        here.backup(there)
        there.execute("PRAGMA journal_mode = DELETE")  # one file, that is read without making another beside it
    expect_known_file(target)


def expect_known(name: str, version_table: str, version: str) -> None:
    """Refuse tables of a newer version, whose meaning this program does not know.

    Raises
    ------
    RightsDatabaseError
        If they are.
    """
    known = _VERSIONS[version_table].known
    if version not in known:
        raise RightsDatabaseError(
            f"{name}: its tables have version {printable(version):.40}, and this program knows versions up to "
            f"{max(known)}; update sourceprint"
        )


def expect_known_file(path: Path) -> None:
    """Refuse a file of a newer version, as `expect_known` does."""
    with closing(sqlite3.connect(path)) as connection:
        names = {str(row[0]) for row in connection.execute("SELECT name FROM sqlite_master WHERE type = 'table'")}
        for version_table in names & set(_VERSIONS):
            ((version,),) = connection.execute(f"SELECT version_num FROM {version_table}")
            expect_known(path.name, version_table, str(version))


def is_sound(path: Path) -> bool:
    """Return whether a file is a database whose pages and keys between tables agree."""
    try:
        with closing(sqlite3.connect(path)) as connection:
            checked = connection.execute("PRAGMA quick_check").fetchall() == [("ok",)]
            return checked and not connection.execute("PRAGMA foreign_key_check").fetchone()
    except sqlite3.Error:
        return False


def copy_schemas(place: str, own: Path, others: Callable[[], Mapping[str, Path]]) -> None:
    """Copy schemas of a database on a server to new files, all as they are at one moment.

    Parameters
    ----------
    place : str
        URL of the database.
    own : Path
        File for the schema that the URL leads to.
    others : callable
        Called when that is copied; returns the files for further schemas by their names.

    A schema without tables of ours is left out.

    Raises
    ------
    RightsDatabaseError
        If it cannot be read.
    """
    found = find_place(place)
    engine = open_engine(found, create=False, lock_seconds=_LOCK_SECONDS)
    with refusals(found.name), engine.connect() as connection:
        connection.execution_options(isolation_level="REPEATABLE READ", postgresql_readonly=True)
        with connection.begin():
            _copy_schema(connection, str(connection.scalar(text("SELECT current_schema()"))), own)
            there = set(inspect(connection).get_schema_names())
            for schema, target in others().items() if own.exists() else ():
                if schema in there:
                    _copy_schema(connection, schema, target)


def _copy_schema(source: Connection, schema: str, target: Path) -> None:
    ours = set(inspect(source).get_table_names(schema=schema)) & set(_VERSIONS)
    if not ours:
        return
    (version_table,) = ours
    version = str(source.scalar(text(f'SELECT version_num FROM "{schema}".{version_table}')))
    expect_known(schema, version_table, version)
    engine = open_engine(find_place(target), create=True, lock_seconds=_LOCK_SECONDS)
    with engine.connect() as connection:
        connection.execution_options(sourceprint_writes=True)
        with connection.begin():
            _VERSIONS[version_table].upgrade(connection, version)
            _pour_rows(source, schema, connection, None)


def fill_schemas(place: str, sources: Mapping[str, Path]) -> None:
    """Fill the tables of schemas from files with tables of the same version: all of them, or none.

    Parameters
    ----------
    place : str
        URL of the database.
    sources : mapping of str to Path
        Files by the name of the schema; "" is the one that the URL leads to.

    Raises
    ------
    RightsDatabaseError
        If it cannot be written.
    """
    found = find_place(place)
    engine = open_engine(found, create=False, lock_seconds=_LOCK_SECONDS)
    with refusals(found.name), engine.begin() as connection:
        for name, path in sources.items():
            schema = name or str(connection.scalar(text("SELECT current_schema()")))
            with open_engine(find_place(path), create=False, lock_seconds=_LOCK_SECONDS).connect() as source:
                _pour_rows(source, None, connection, schema)


def _pour_rows(source: Connection, schema: str | None, target: Connection, target_schema: str | None) -> None:
    """Copy all rows of all tables but that of the version; tables of the target are emptied first."""
    tables, target_tables = MetaData(), MetaData()
    tables.reflect(source, schema=schema)
    target_tables.reflect(target, schema=target_schema)
    named = {table.name: table for table in target_tables.tables.values()}
    if set(named) != {table.name for table in tables.tables.values()}:
        raise RightsDatabaseError(f"{schema or target_schema}: its tables are not those of this version")
    for table in reversed(target_tables.sorted_tables):
        if table.name not in _VERSIONS:
            target.execute(delete(table))
    for table in tables.sorted_tables:
        if table.name in _VERSIONS:
            continue
        rows = source.execution_options(yield_per=_AT_ONCE).execute(select(table).order_by(*table.primary_key.columns))
        for part in rows.mappings().partitions(_AT_ONCE):
            target.execute(insert(named[table.name]), [dict(row) for row in part])
        if target_schema is not None:
            _set_counter(target, named[table.name])


def _set_counter(connection: Connection, table: Table) -> None:
    """Let the next row that the server numbers follow the last one."""
    for column in table.primary_key.columns:
        name = f'"{table.schema}"."{table.name}"'
        counter = connection.scalar(select(func.pg_get_serial_sequence(name, column.name)))
        last = connection.scalar(select(func.max(column))) if counter else None
        if last is not None:
            connection.execute(select(func.setval(counter, last)))
