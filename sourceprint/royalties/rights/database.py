"""The database of rights, uses and statements: transactions, revisions, and the migrations of its tables.

A database is a file of SQLite or a database on a PostgreSQL server; everything above works on both alike. It is reached
in four ways, each one transaction:

`reading`
    One consistent snapshot; changes made meanwhile by others are not seen, and nobody is held up.
`reading_past`
    The same of what there was right after an entry of the chain.
`changing`
    Changes of the records of rights. They belong to one revision, which says who made them, when and from what; it is
    written only if something changes.
`writing`
    Additions to what is only ever added to: uses, events, statements.

There is one writer at a time, whoever else wants to write waits; what fails leaves nothing behind. What a transaction
added is entered into the hash chain (`sourceprint.royalties.rights.chain`) at its end, with everything else or not at
all.

SQLite keeps a write-ahead log (`rights.sqlite-wal` beside the file, gone when nobody has it open): without it, an
import would lock out every reader as soon as its changes outgrow the cache, and a long reading would keep an import
from being committed. Every commit is flushed to the disk.
"""

import getpass
import os
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from itertools import islice
from pathlib import Path
from typing import Any, TypeVar

import alembic.command
from alembic.config import Config
from alembic.script import ScriptDirectory
from sqlalchemy import Connection, Engine, func, insert, inspect, select, text

from fingerprint.errors import RightsDatabaseError, printable
from sourceprint.royalties.rights.chain import begin_chain, extend_chain, extents, show_past
from sourceprint.royalties.rights.engine import find_place, no_database, open_engine, refusals
from sourceprint.royalties.rights.schema import revision

__all__ = ["LOCK_SECONDS", "VERSION_TABLE", "Change", "Database", "actor", "in_chunks", "timestamp"]

LOCK_SECONDS = 30
"""How long a command waits for another one that writes."""

VERSION_TABLE = "sourceprint_schema"
"""Holds the version of the tables. Not alembic's own name, which another program in the same database may use."""

_PARAMETERS = 900  # of one query: SQLite may be built with a limit of 999
_LOCK_KEY = 0x53504C4B  # any number that other programs are unlikely to lock on the same server
# A plan that PostgreSQL keeps is one for any list of ids: it compares row by row with each of them, and gets slower the
# more rows there are. Made anew for the list, which costs little, it looks them up.
_PLAN_EACH_TIME = "SET LOCAL plan_cache_mode = force_custom_plan"
_MIGRATIONS = Path(__file__).parent / "migrations"

T = TypeVar("T")


class Change:
    """An open transaction that changes records of rights.

    Attributes
    ----------
    connection : Connection
        Of SQLAlchemy, inside the transaction.
    """

    def __init__(self, connection: Connection, *, source: str, digest: str, made_by: str, made_at: str) -> None:
        self.connection = connection
        self._values = {"made_at": made_at, "made_by": made_by, "source": source, "digest": digest}
        self._revision: int | None = None

    @property
    def revision(self) -> int:
        """Number of the revision that the changes belong to; asking for it is what makes it."""
        if self._revision is None:
            # Counted here, not by the database: a number that was rolled back is given again, on every database.
            last = self.connection.scalar(select(func.max(revision.c.id))) or 0
            self.connection.execute(insert(revision), {"id": last + 1, **self._values})
            self._revision = last + 1
        return self._revision

    @property
    def made(self) -> bool:
        """Whether there is a revision, that is, whether anything was changed."""
        return self._revision is not None


@dataclass(frozen=True, slots=True)
class Database:
    """A database whose tables are there and of this version; made by `Database.open`.

    Attributes
    ----------
    name : str
        For messages: a path, or a URL without password.
    """

    name: str
    _engine: Engine
    _lock_seconds: int
    _note: str = ""

    @classmethod
    def open(cls, place: str | Path, *, create: bool = False, lock_seconds: int = LOCK_SECONDS) -> "Database":
        """Open a database of rights; older tables are brought to this version.

        Parameters
        ----------
        place : str or Path
            Path of a file, or URL.
        create : bool
            Make it if it is not there: the file with its folder, or the tables in an empty database on a server.
        lock_seconds : int
            How long to wait for another writer.

        Raises
        ------
        RightsDatabaseError
            If it is not there, cannot be reached, is no database of rights, or was made by a newer version.
        """
        found = find_place(place)
        database = cls(found.name, open_engine(found, create=create, lock_seconds=lock_seconds), lock_seconds)
        database._bring_up_to_date(create=create)
        return database

    @contextmanager
    def reading(self) -> Iterator[Connection]:
        """Yield a connection that sees one consistent state of everything.

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
        """Yield a connection that sees everything as it was right after an entry of the chain.

        Raises
        ------
        RightsDatabaseError
            If the database cannot be reached or read, or a server lets this user make no temporary views.
        """
        with refusals(self.name), self._engine.connect() as connection:
            if connection.dialect.name == "postgresql":
                connection.execution_options(isolation_level="REPEATABLE READ")
            with connection.begin() as transaction:
                show_past(connection, sequence)
                yield connection
                transaction.rollback()

    def noting(self, note: str) -> "Database":
        """Return the same database; what is written through it has this note in the chain, such as a reason."""
        return replace(self, _note=note)

    @contextmanager
    def writing(self) -> Iterator[Connection]:
        """Yield a connection with the write lock; all or nothing is committed at the end of the block.

        Raises
        ------
        RightsDatabaseError
            If another writer does not finish in time, or the database refuses something.
        """
        with self._locked() as connection:
            before = extents(connection)
            yield connection
            extend_chain(connection, before, note=self._note)

    @contextmanager
    def _locked(self) -> Iterator[Connection]:
        with refusals(self.name), self._engine.connect() as connection:
            # On PostgreSQL each statement sees what was committed before it: what the last writer did, once it is done.
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
        """Yield a change of the records of rights; all or nothing is committed at the end of the block.

        Parameters
        ----------
        source : str
            What is imported, or the command.
        digest : str
            "sha256:..." of the source, or "".
        by : str or None
            Who makes it; None asks `actor`.
        now : datetime or None
            When, with a time zone; None is now.

        Raises
        ------
        RightsDatabaseError
            As `writing`.
        """
        made_by, made_at = actor(by), timestamp(now)
        with self.writing() as connection:
            yield Change(connection, source=printable(source), digest=digest, made_by=made_by, made_at=made_at)

    @contextmanager
    def migrations(self) -> Iterator[Config]:
        """Yield a configuration for alembic's commands, inside a transaction with the write lock.

        For whoever changes the schema: alter `schema.py`, then let alembic write the next version and look it over.

        >>> from alembic import command
        >>> with database.migrations() as config:  # doctest: +SKIP
        ...     command.revision(config, "what is new", autogenerate=True, rev_id="0002")
        """
        with self._locked() as connection:
            config = _alembic_config()
            config.attributes["connection"] = connection
            yield config

    def _bring_up_to_date(self, *, create: bool) -> None:
        scripts = ScriptDirectory.from_config(_alembic_config())
        head = str(scripts.get_current_head())
        known = {script.revision for script in scripts.walk_revisions()}
        with self.reading() as connection:
            version = self._version(connection, known, head, create=create)
        if version == head:
            return
        if not version:
            self._keep_a_log()
        with self.migrations() as config:
            # Another command may have done it while this one waited for the lock.
            connection = config.attributes["connection"]
            if self._version(connection, known, head, create=create) != head:
                alembic.command.upgrade(config, head)
                begin_chain(connection, day=timestamp()[:10])

    def _version(self, connection: Connection, known: set[str], head: str, *, create: bool) -> str:
        """Return the version of the tables, "" where there are none and they may be made."""
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
        """Set a new file of SQLite to write-ahead logging, which stays with the file."""
        if self._engine.dialect.name != "sqlite":
            return
        with refusals(self.name), self._engine.connect() as connection:
            driver: Any = connection.connection.driver_connection
            try:
                driver.execute("PRAGMA journal_mode = WAL")  # not possible inside a transaction
            except driver.OperationalError as error:
                if "locked" not in str(error):
                    raise
                # Another command is creating the same file, and does this itself.


def actor(by: str | None = None) -> str:
    """Return who acts: the given name, else $SOURCEPRINT_ACTOR, else the user's login name."""
    name = by or os.environ.get("SOURCEPRINT_ACTOR")
    if not name:
        try:
            name = getpass.getuser()
        except (OSError, KeyError, ImportError):  # a user without a name, as in a container
            name = f"user {os.getuid()}" if hasattr(os, "getuid") else "unknown"
    return printable(name.strip())


def timestamp(now: datetime | None = None) -> str:
    """Return a time, or the present, in UTC to the second.

    Examples
    --------
    >>> timestamp(datetime(2026, 11, 22, 10, 0, 0, 999999, tzinfo=UTC))
    '2026-11-22T10:00:00Z'
    """
    moment = datetime.now(UTC) if now is None else now.astimezone(UTC)
    return moment.strftime("%Y-%m-%dT%H:%M:%SZ")


def in_chunks(items: Iterable[T], size: int = _PARAMETERS) -> Iterator[list[T]]:
    """Yield lists of at most so many items, short enough for one query.

    Examples
    --------
    >>> list(in_chunks("abcde", 2))
    [['a', 'b'], ['c', 'd'], ['e']]
    """
    rest = iter(items)
    while chunk := list(islice(rest, size)):
        yield chunk


def _alembic_config() -> Config:
    config = Config()
    config.set_main_option("script_location", str(_MIGRATIONS).replace("%", "%%"))
    config.set_main_option("path_separator", "os")
    config.set_main_option("file_template", "v%%(rev)s_%%(slug)s")  # a name that Python can import
    return config
