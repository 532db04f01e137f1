"""Database of rights, uses and statements: its transactions, revisions and migrations.

A database is a SQLite file, or a database on a PostgreSQL server; the modules above treat both alike. There are four
kinds of transaction:

`reading`
    One consistent snapshot. It sees no changes that others make meanwhile, and blocks nobody.
`reading_past`
    A snapshot of the time right after an entry of the chain.
`changing`
    Changes to records of rights. They belong to one revision, which holds their author, time and source. It is written
    only if something changes.
`writing`
    Additions to the tables that only grow: uses, events, statements.

One transaction writes at a time, and the next ones wait. A transaction that fails leaves nothing behind. At its end, a
transaction enters its new rows into the hash chain (`sourceprint.royalties.rights.chain`), or fails as a whole.

SQLite keeps a write-ahead log (`rights.sqlite-wal` beside the file, gone once nobody has it open). Without it, an
import would lock out every reader as soon as its changes outgrow the cache, and a long read would keep an import from
committing. Every commit is flushed to disk.
"""

import getpass
import os
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from itertools import islice
from pathlib import Path
from typing import TYPE_CHECKING, Any, TypeVar

from sqlalchemy import Connection, Engine, func, insert, inspect, select, text

from fingerprint.errors import RightsDatabaseError, printable
from sourceprint.royalties.rights.chain import begin_chain, extend_chain, extents, show_past
from sourceprint.royalties.rights.engine import find_place, keep_copy, no_database, open_engine, refusals
from sourceprint.royalties.rights.schema import revision
from sourceprint.table_versions import TableVersions

if TYPE_CHECKING:
    from alembic.config import Config

__all__ = [
    "LOCK_SECONDS",
    "VERSIONS",
    "VERSION_TABLE",
    "Change",
    "Database",
    "actor",
    "in_chunks",
    "timestamp",
]

LOCK_SECONDS = 30
"""Longest wait of a command for another one that writes, in seconds."""

VERSION_TABLE = "sourceprint_schema"
"""Table with the version of the schema. Not alembic's own name, which another program in this database may use."""

_PARAMETERS = 900  # per query: SQLite may be built with a limit of 999
_LOCK_KEY = 0x53504C4B  # any number that other programs are unlikely to lock on the same server
# PostgreSQL would keep one plan for any list of ids, which compares each row with each id and slows as the table grows.
# A plan made for each list costs little and looks the ids up.
_PLAN_EACH_TIME = "SET LOCAL plan_cache_mode = force_custom_plan"
VERSIONS = TableVersions(Path(__file__).parent / "migrations")
"""Versions of these tables."""


T = TypeVar("T")


class Change:
    """Open transaction that changes records of rights.

    Attributes
    ----------
    connection : Connection
        SQLAlchemy connection inside the transaction.
    """

    def __init__(self, connection: Connection, *, source: str, digest: str, made_by: str, made_at: str) -> None:
        self.connection = connection
        self._values = {"made_at": made_at, "made_by": made_by, "source": source, "digest": digest}
        self._revision: int | None = None

    @property
    def revision(self) -> int:
        """Number of the revision that the changes belong to; the first access makes the revision."""
        if self._revision is None:
            # Counted here, not by the database: a number that was rolled back is given again, on both databases.
            last = self.connection.scalar(select(func.max(revision.c.id))) or 0
            self.connection.execute(insert(revision), {"id": last + 1, **self._values})
            self._revision = last + 1
        return self._revision

    @property
    def made(self) -> bool:
        """Whether a revision was made, that is, whether anything was changed."""
        return self._revision is not None


@dataclass(frozen=True, slots=True)
class Database:
    """Database with tables of this version; `Database.open` makes it.

    Attributes
    ----------
    name : str
        Path, or URL without password, for messages.
    """

    name: str
    _engine: Engine
    _lock_seconds: int
    _note: str = ""

    @classmethod
    def open(cls, place: str | Path, *, create: bool = False, lock_seconds: int = LOCK_SECONDS) -> "Database":
        """Open a database of rights, and migrate older tables to this version; a file is copied first.

        Parameters
        ----------
        place : str or Path
            Path of a file, or URL.
        create : bool
            Whether to create a missing one: the file with its folder, or the tables in an empty database on a server.
        lock_seconds : int
            Longest wait for another writer.

        Raises
        ------
        RightsDatabaseError
            If it is missing, cannot be reached, is no database of rights, or has tables of a newer version.
        """
        found = find_place(place)
        database = cls(found.name, open_engine(found, create=create, lock_seconds=lock_seconds), lock_seconds)
        database._bring_up_to_date(create=create)
        return database

    @contextmanager
    def reading(self) -> Iterator[Connection]:
        """Yield a connection to one consistent snapshot of the database.

        Raises
        ------
        RightsDatabaseError
            If the database cannot be reached or read.
        """
        with refusals(self.name), self._engine.connect() as connection:
            if connection.dialect.name == "postgresql":
                connection.execution_options(isolation_level="REPEATABLE READ", postgresql_readonly=True)
            with connection.begin():
                if connection.dialect.name == "postgresql":
                    connection.execute(text(_PLAN_EACH_TIME))
                yield connection

    @contextmanager
    def reading_past(self, sequence: int) -> Iterator[Connection]:
        """Yield a connection to the database as it was right after an entry of the chain.

        Raises
        ------
        RightsDatabaseError
            If the database cannot be reached or read, or a server refuses this user temporary views.
        """
        with refusals(self.name), self._engine.connect() as connection:
            if connection.dialect.name == "postgresql":
                connection.execution_options(isolation_level="REPEATABLE READ")
            with connection.begin() as transaction:
                show_past(connection, sequence)
                yield connection
                transaction.rollback()

    def noting(self, note: str) -> "Database":
        """Return the same database with a note, such as a reason, for the entries of the chain that it adds."""
        return replace(self, _note=note)

    @contextmanager
    def writing(self) -> Iterator[Connection]:
        """Yield a connection with the write lock; the block commits as a whole or not at all.

        Raises
        ------
        RightsDatabaseError
            If another writer does not finish in time, or the database refuses a statement.
        """
        with self._locked() as connection:
            before = extents(connection)
            yield connection
            extend_chain(connection, before, note=self._note)

    @contextmanager
    def _locked(self) -> Iterator[Connection]:
        with refusals(self.name), self._engine.connect() as connection:
            # On PostgreSQL each statement sees all that was committed before it, so also the last writer's changes.
            connection.execution_options(sourceprint_writes=True)
            with connection.begin():
                if connection.dialect.name == "postgresql":
                    connection.execute(text(f"SET LOCAL lock_timeout = '{self._lock_seconds}s'"))
                    connection.execute(text(_PLAN_EACH_TIME))
                    connection.execute(
                        text("SELECT pg_advisory_xact_lock(:key, hashtext(current_schema()))"), {"key": _LOCK_KEY}
                    )
                yield connection

    @contextmanager
    def changing(
        self, *, source: str, digest: str = "", by: str | None = None, now: datetime | None = None
    ) -> Iterator[Change]:
        """Yield a change to the records of rights; the block commits as a whole or not at all.

        Raises
        ------
        RightsDatabaseError
            As `writing`.
        """
        made_by, made_at = actor(by), timestamp(now)
        with self.writing() as connection:
            yield Change(connection, source=printable(source), digest=digest, made_by=made_by, made_at=made_at)

    @contextmanager
    def migrations(self) -> "Iterator[Config]":
        """Yield a configuration for alembic's commands, inside a transaction with the write lock.

        To change the schema, edit `schema.py`, let alembic write the next version, and review it.

        >>> from alembic import command
        >>> with database.migrations() as config:  # doctest: +SKIP
        ...     command.revision(config, "add the column", autogenerate=True, rev_id="0002")
        """
        with self._locked() as connection:
            yield VERSIONS.config(connection)

    def _bring_up_to_date(self, *, create: bool) -> None:
        head, known = VERSIONS.newest, VERSIONS.known
        with self.reading() as connection:
            version = self._version(connection, known, head, create=create)
        if version == head:
            return
        if not version:
            self._keep_a_log()
        else:
            keep_copy(self.name, self._engine, version)
        with self._locked() as connection:
            # Another command may have migrated it while this one waited for the lock.
            if self._version(connection, known, head, create=create) != head:
                VERSIONS.upgrade(connection, head)
                begin_chain(connection, day=timestamp()[:10])

    def _version(self, connection: Connection, known: frozenset[str], head: str, *, create: bool) -> str:
        """Return the version of the tables; "" if there are none and they may be made."""
        if connection.dialect.name == "postgresql":
            encoding = connection.scalar(text("SHOW server_encoding"))
            if encoding != "UTF8":
                raise RightsDatabaseError(
                    f"{self.name}: its encoding is {encoding}, which cannot hold every title; "
                    "create a database with the encoding UTF8"
                )
        tables = inspect(connection).get_table_names()
        version = ""
        if VERSION_TABLE in tables:
            version = connection.scalar(text(f"SELECT version_num FROM {VERSION_TABLE}")) or ""
        elif tables:
            raise RightsDatabaseError(
                f"{self.name}: holds tables of another program ({printable(sorted(tables)[0]):.60}) and no rights; "
                "name a file or a database of its own"
            )
        if version and version not in known:
            raise RightsDatabaseError(
                f"{self.name}: its tables have version {printable(version):.40}, and this program knows versions up to "
                f"{head}; update sourceprint"
            )
        if not version and not create:
            raise no_database(self.name)
        return version

    def _keep_a_log(self) -> None:
        """Set a new SQLite file to write-ahead logging, which the file keeps."""
        if self._engine.dialect.name != "sqlite":
            return
        with refusals(self.name), self._engine.connect() as connection:
            driver: Any = connection.connection.driver_connection
            try:
                driver.execute("PRAGMA journal_mode = WAL")  # not possible inside a transaction
            except driver.OperationalError as error:
                if "locked" not in str(error):
                    raise
                # Another command is creating the same file, and sets this itself.


def actor(by: str | None = None) -> str:
    """Return the name of the acting person: `by`, else $SOURCEPRINT_ACTOR, else the login name."""
    name = by or os.environ.get("SOURCEPRINT_ACTOR")
    if not name:
        try:
            name = getpass.getuser()
        except (OSError, KeyError, ImportError):  # a user without a name, as in a container
            name = f"user {os.getuid()}" if hasattr(os, "getuid") else "unknown"
    return printable(name.strip())


def timestamp(now: datetime | None = None) -> str:
    """Return a time in UTC, to the second; None is now.

    Examples
    --------
    >>> timestamp(datetime(2026, 11, 22, 10, 0, 0, 999999, tzinfo=UTC))
    '2026-11-22T10:00:00Z'
    """
    moment = datetime.now(UTC) if now is None else now.astimezone(UTC)
    return moment.strftime("%Y-%m-%dT%H:%M:%SZ")


def in_chunks(items: Iterable[T], size: int = _PARAMETERS) -> Iterator[list[T]]:
    """Yield lists of at most `size` items, by default few enough for one query.

    Examples
    --------
    >>> list(in_chunks("abcde", 2))
    [['a', 'b'], ['c', 'd'], ['e']]
    """
    rest = iter(items)
    while chunk := list(islice(rest, size)):
        yield chunk
