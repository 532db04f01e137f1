"""The database of rights, uses and statements: the only door to its engine and to its migrations.

A database is a file of SQLite or a database on a PostgreSQL server; everything above works on both alike. It is reached
in three ways, each one transaction:

`reading`
    One consistent snapshot; changes made meanwhile by others are not seen, and nobody is held up.
`changing`
    Changes of the records of rights. They belong to one revision, which says who made them, when and from what; it is
    written only if something changes.
`writing`
    Additions to what is only ever added to: uses, events, statements.

There is one writer at a time, whoever else wants to write waits; what fails leaves nothing behind.

SQLite keeps a write-ahead log (`rights.sqlite-wal` beside the file, gone when nobody has it open): without it, an
import would lock out every reader as soon as its changes outgrow the cache, and a long reading would keep an import
from being committed. Every commit is flushed to the disk.
"""

import getpass
import os
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Any, Protocol

import alembic.command
from alembic.config import Config
from alembic.script import ScriptDirectory
from sqlalchemy import Connection, Engine, create_engine, event, func, insert, inspect, select, text
from sqlalchemy.exc import NoSuchModuleError
from sqlalchemy.pool import NullPool

from fingerprint.errors import RightsDatabaseError, printable
from sourceprint.royalties.rights.place import Place, find_place, refusals
from sourceprint.royalties.rights.schema import revision

__all__ = ["LOCK_SECONDS", "VERSION_TABLE", "Change", "Database", "actor", "timestamp"]

LOCK_SECONDS = 30
"""How long a command waits for another one that writes."""

VERSION_TABLE = "sourceprint_schema"
"""Holds the version of the tables. Not alembic's own name, which another program in the same database may use."""

_CONNECT_SECONDS = 10
_LOCK_KEY = 0x53504C4B  # any number that other programs are unlikely to lock on the same server
# A plan that PostgreSQL keeps is one for any list of ids: it compares row by row with each of them, and gets slower the
# more rows there are. Made anew for the list, which costs little, it looks them up.
_PLAN_EACH_TIME = "SET LOCAL plan_cache_mode = force_custom_plan"
_MIGRATIONS = Path(__file__).parent / "migrations"


class _DriverConnection(Protocol):
    """What is used of sqlite3.Connection."""

    isolation_level: str | None

    def execute(self, sql: str, /) -> object: ...


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
        if found.path is not None:
            _prepare_file(found.path, found.name, create=create)
        database = cls(found.name, _engine_for(found, lock_seconds), lock_seconds)
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
    def writing(self) -> Iterator[Connection]:
        """Yield a connection with the write lock; all or nothing is committed at the end of the block.

        Raises
        ------
        RightsDatabaseError
            If another writer does not finish in time, or the database refuses something.
        """
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
        with self.writing() as connection:
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
            if self._version(config.attributes["connection"], known, head, create=create) != head:
                alembic.command.upgrade(config, head)

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
            raise _missing(self.name)
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


def _missing(name: str) -> RightsDatabaseError:
    return RightsDatabaseError(
        f"{name}: there is no database of rights; make one with `sourceprint rights import`, or name another place"
    )


def _prepare_file(path: Path, name: str, *, create: bool) -> None:
    try:
        if create:
            path.parent.mkdir(parents=True, exist_ok=True)
        elif not path.exists():
            raise _missing(name)
        if path.exists() and not path.is_file():
            raise RightsDatabaseError(f"{name}: is no file; write the path of the database's file")
    except OSError as error:
        raise RightsDatabaseError(
            f"{name}: cannot be reached ({error.strerror}); see to the path and the permissions of its folder"
        ) from error


def _alembic_config() -> Config:
    config = Config()
    config.set_main_option("script_location", str(_MIGRATIONS).replace("%", "%%"))
    config.set_main_option("path_separator", "os")
    config.set_main_option("file_template", "v%%(rev)s_%%(slug)s")  # a name that Python can import
    return config


def _engine_for(place: Place, lock_seconds: int) -> Engine:
    """Return an engine whose connections live as long as one transaction: a command has few, and forks keep none."""
    if place.path is not None:
        engine = create_engine(
            place.url, poolclass=NullPool, hide_parameters=True, connect_args={"timeout": lock_seconds}
        )
        event.listen(engine, "connect", _set_up_sqlite)
        event.listen(engine, "begin", _begin_sqlite)
        return engine
    try:
        return create_engine(
            place.url,
            poolclass=NullPool,
            hide_parameters=True,
            connect_args={
                "connect_timeout": _CONNECT_SECONDS,
                "client_encoding": "utf8",
                "application_name": "sourceprint",
            },
        )
    except (ImportError, NoSuchModuleError) as error:
        raise RightsDatabaseError(
            f"{place.name}: the driver of PostgreSQL is not installed; install sourceprint[postgres]"
        ) from error


def _set_up_sqlite(connection: _DriverConnection, _record: object) -> None:
    connection.isolation_level = None  # or sqlite3 would begin and commit by rules of its own; see _begin_sqlite
    connection.execute("PRAGMA foreign_keys = ON")
    connection.execute("PRAGMA synchronous = FULL")


def _begin_sqlite(connection: Connection) -> None:
    # A writer takes the lock at once: one that read first and wrote later could find that its reading is out of date.
    writes = connection.get_execution_options().get("sourceprint_writes", False)
    connection.exec_driver_sql("BEGIN IMMEDIATE" if writes else "BEGIN")
