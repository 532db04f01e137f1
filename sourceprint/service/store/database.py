"""The service's own database: transactions, and the migrations of its tables.

A file of SQLite (`service.sqlite` in the data folder) or a database on a PostgreSQL server. `reading` is one consistent
snapshot; `writing` is one transaction, committed at the end of its block or not at all: on SQLite it takes the write
lock at its start (`BEGIN IMMEDIATE`), on PostgreSQL it locks the rows that it selects for update.
"""

from collections.abc import Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from sqlalchemy import Connection, Engine, inspect, text

from fingerprint.errors import RightsDatabaseError, printable
from sourceprint.royalties.rights.engine import find_place, keep_copy, open_engine, refusals
from sourceprint.service.store.clock import Clock, system_clock, time_text
from sourceprint.table_versions import TableVersions

__all__ = ["LOCK_SECONDS", "VERSIONS", "VERSION_TABLE", "ServiceDatabase"]

LOCK_SECONDS = 30
"""How long a writer waits for another one."""

VERSION_TABLE = "sourceprint_service_schema"
"""Holds the version of the tables."""

VERSIONS = TableVersions(Path(__file__).parent / "migrations")
"""Versions of these tables."""

_MIGRATION_LOCK = 0x53505356  # any number that other programs are unlikely to lock on the same server


@dataclass(frozen=True, slots=True)
class ServiceDatabase:
    """A database whose tables are there and of this version; made by `ServiceDatabase.open`.

    Attributes
    ----------
    name : str
        For messages: a path, or a URL without password.
    clock : Clock
        The time of everything that is written through it.
    """

    name: str
    _engine: Engine
    clock: Clock = field(default=system_clock)

    @classmethod
    def open(cls, place: str | Path, *, clock: Clock = system_clock, pooled: bool = False) -> "ServiceDatabase":
        """Open a database, or make it; older tables are brought to this version.

        Parameters
        ----------
        place : str or Path
            Path of a file, or URL of a PostgreSQL database that is there.
        clock : Clock
            Returns the present.
        pooled : bool
            Whether connections are kept for the next transaction: for a process with many of them that does not fork.

        Raises
        ------
        RightsDatabaseError
            If it cannot be reached, holds tables of another program, or was made by a newer version.
        """
        found = find_place(place)
        database = cls(found.name, open_engine(found, create=True, lock_seconds=LOCK_SECONDS, pooled=pooled), clock)
        try:
            database._bring_up_to_date()
        except BaseException:
            database.close()
            raise
        return database

    def now(self) -> str:
        """Return the present, as the tables have it."""
        return time_text(self.clock())

    @property
    def is_server(self) -> bool:
        """Whether it is a database on a server, which several machines may share."""
        return self._engine.dialect.name == "postgresql"

    @contextmanager
    def reading(self) -> Iterator[Connection]:
        """Yield a connection that sees one consistent state.

        Raises
        ------
        RightsDatabaseError
            If the database cannot be reached or read.
        """
        with refusals(self.name), self._engine.connect() as connection:
            if self.is_server:
                connection.execution_options(isolation_level="REPEATABLE READ", postgresql_readonly=True)
            with connection.begin():
                yield connection

    @contextmanager
    def writing(self) -> Iterator[Connection]:
        """Yield a connection inside a transaction that writes.

        Raises
        ------
        RightsDatabaseError
            If another writer does not finish in time, or the database refuses something.
        """
        with refusals(self.name), self._engine.connect() as connection:
            connection.execution_options(sourceprint_writes=True)
            with connection.begin():
                if self.is_server:
                    connection.execute(text(f"SET LOCAL lock_timeout = '{LOCK_SECONDS}s'"))
                yield connection

    def close(self) -> None:
        """Close the connections that are kept open."""
        self._engine.dispose()

    def _bring_up_to_date(self) -> None:
        head, known = VERSIONS.newest, VERSIONS.known
        with self.reading() as connection:
            version = self._version(connection, known, head)
        if version == head:
            return
        if not version and not self.is_server:
            with refusals(self.name), self._engine.connect() as connection:
                driver: Any = connection.connection.driver_connection
                with suppress(driver.OperationalError):  # locked: another process is making the file, and does this
                    driver.execute("PRAGMA journal_mode = WAL")  # not possible inside a transaction
        if version:
            keep_copy(self.name, self._engine, version)
        with self.writing() as connection:
            if self.is_server:
                connection.execute(text("SELECT pg_advisory_xact_lock(:key)"), {"key": _MIGRATION_LOCK})
            if self._version(connection, known, head) != head:  # another process may have done it meanwhile
                VERSIONS.upgrade(connection, head)

    def _version(self, connection: Connection, known: frozenset[str], head: str) -> str:
        tables = inspect(connection).get_table_names()
        if VERSION_TABLE not in tables:
            if tables:
                raise RightsDatabaseError(
                    f"{self.name}: holds tables of another program ({printable(sorted(tables)[0]):.60}); name a "
                    "database of its own"
                )
            return ""
        version = connection.scalar(text(f"SELECT version_num FROM {VERSION_TABLE}")) or ""
        if version and version not in known:
            raise RightsDatabaseError(
                f"{self.name}: its tables have version {printable(version):.40}, and this program knows versions up to "
                f"{head}; update sourceprint"
            )
        return str(version)
