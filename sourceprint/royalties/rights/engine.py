"""Engine of a database of rights: a SQLite file, or a database on a PostgreSQL server.

All code that depends on the two drivers: the location as written (a path, `sqlite:///rights.sqlite` or
`postgresql://user:password@host/database`), the connections to it, and the drivers' errors in our words.

Messages name the database, the problem and the remedy. They show no password, no SQL statement and none of its values,
which may come from any import.
"""

import os
import sqlite3
from collections.abc import Iterator
from contextlib import closing, contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from sqlalchemy import Connection, Engine, create_engine, event
from sqlalchemy.engine import URL, make_url
from sqlalchemy.exc import ArgumentError, DBAPIError, NoSuchModuleError
from sqlalchemy.pool import NullPool, QueuePool

from fingerprint.errors import RightsDatabaseError, StorageFullError, printable

__all__ = ["Place", "find_place", "keep_copy", "no_database", "open_engine", "refusals"]

_POSTGRESQL = ("postgresql", "postgres")
_FORMS = "write the path of a file, or postgresql://user@host/database"
_CONNECT_SECONDS = 10
_LOCKED = "another command is writing to it; wait for its end and run this one again"
_FULL = "no space left on the disk; earlier commits are safe; free some space and run the command again"
_SQLITE = {  # by words of its message, since older drivers give no code
    "locked": _LOCKED,
    "not a database": "is not a SQLite database; name the file that `sourceprint rights import` made",
    "malformed": "the file is damaged; restore it from a copy, or import the rights again into a new one",
    "readonly": "the file or its folder cannot be written; check the permissions, or copy the file elsewhere",
    "unable to open": "cannot be opened; check that it is a file, and the permissions of the file and its folder",
}
_DRIVER_POSTGRESQL = {  # by code of SQLSTATE, or its class
    "55P03": _LOCKED,
    "40": "another command changed it at the same time; run this one again",
    "42501": "this user may not do that; grant the rights on the database or name another user",
    "25006": "the server is read-only, as a replica is; name the primary server",
}


@dataclass(frozen=True, slots=True)
class Place:
    """Location of a database, which may not exist.

    Attributes
    ----------
    url : URL
        With the driver; may hold a password.
    name : str
        Path, or URL without password and options, for messages.
    path : Path or None
        Path of a SQLite file; None on a server.
    """

    url: URL
    name: str
    path: Path | None


def find_place(place: str | Path) -> Place:
    """Return the location that a path or a URL names; nothing is opened.

    Raises
    ------
    RightsDatabaseError
        If it is no path, and no URL of a SQLite file or of a database on a PostgreSQL server.

    Examples
    --------
    >>> find_place("postgresql://ann:secret@db.example/rights").name
    'postgresql://ann@db.example/rights'
    >>> find_place("postgresql://ann:secret@db.example/rights").url.drivername
    'postgresql+psycopg'
    """
    if isinstance(place, Path) or "://" not in place:
        if not str(place):
            raise RightsDatabaseError(f"the place of the database of rights is empty; {_FORMS}")
        return _file(Path(place))
    kind = place.partition("://")[0]
    try:
        url = make_url(place)
    except (ArgumentError, ValueError):
        # The text may hold a password, and so may the error: neither is shown.
        raise RightsDatabaseError(
            f"the URL {printable(kind):.40}://... of the database of rights cannot be read; {_FORMS}, "
            "with a port that is a number"
        ) from None
    family = url.drivername.partition("+")[0]
    if family == "sqlite":
        if not url.database or url.database == ":memory:" or url.query:
            raise RightsDatabaseError(
                "a database of rights is kept in a file: write its path, or sqlite:///path without options"
            )
        return _file(Path(url.database))
    if family not in _POSTGRESQL:
        raise RightsDatabaseError(f"{printable(kind):.40}://...: rights are kept in SQLite or PostgreSQL; {_FORMS}")
    if "@" in (url.host or ""):
        # An @ inside the password would end it early, and its rest would be read as part of the host's name.
        raise RightsDatabaseError("the URL of the database of rights has more than one @; write %40 inside a password")
    shown = URL.create(_POSTGRESQL[0], url.username, None, url.host, url.port, url.database)
    return Place(url.set(drivername="postgresql+psycopg"), printable(shown.render_as_string()), None)


def open_engine(place: Place, *, create: bool, lock_seconds: int, pooled: bool = False) -> Engine:
    """Return an engine with one connection per transaction, so that forked processes share none.

    With `pooled`, connections are kept for the next transaction: a server has many, and does not fork.

    Raises
    ------
    RightsDatabaseError
        If the file is missing and not to be created, or is none, or the driver is not installed.
    """
    pool = QueuePool if pooled else NullPool
    if place.path is not None:
        _prepare_file(place.path, place.name, create=create)
        engine = create_engine(place.url, poolclass=pool, hide_parameters=True, connect_args={"timeout": lock_seconds})
        event.listen(engine, "connect", _set_up_sqlite)
        event.listen(engine, "begin", _begin_sqlite)
        return engine
    try:
        return create_engine(
            place.url,
            poolclass=pool,
            hide_parameters=True,
            pool_pre_ping=pooled,
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


@contextmanager
def refusals(name: str) -> Iterator[None]:
    """Turn the errors of a database driver inside the block into ours.

    Parameters
    ----------
    name : str
        Name of the database, for messages.

    Raises
    ------
    StorageFullError
        If the disk is full.
    RightsDatabaseError
        On any other error.
    """
    try:
        yield
    except DBAPIError as error:
        raise _in_our_words(name, error.orig or error) from error
    except sqlite3.Error as error:  # raised while a connection is made, before SQLAlchemy sees it
        raise _in_our_words(name, error) from error


def keep_copy(name: str, engine: Engine, version: str) -> None:
    """Copy a file before its tables are brought to this version: beside it, as `FILE.version-NUMBER`.

    A copy that is there is never overwritten. A database on a server is not copied.

    Parameters
    ----------
    name : str
        Name of the database, for messages.
    engine : Engine
    version : str
        Of its tables.

    Raises
    ------
    StorageFullError
        If the disk is full.
    RightsDatabaseError
        If the copy cannot be made.
    """
    copy = Path(f"{engine.url.database}.version-{version}")
    if engine.dialect.name != "sqlite" or copy.exists():
        return
    unfinished = copy.with_name(f"{copy.name}.{os.getpid()}")
    try:
        with refusals(name), engine.connect() as connection, closing(sqlite3.connect(unfinished)) as there:
            driver: Any = connection.connection.driver_connection
            driver.backup(there)
        unfinished.chmod(0o600)
        os.replace(unfinished, copy)
    finally:
        unfinished.unlink(missing_ok=True)


def no_database(name: str) -> RightsDatabaseError:
    """Return the error for a location without a database of rights."""
    return RightsDatabaseError(
        f"{name}: there is no database of rights; make one with `sourceprint rights import`, or name another place"
    )


def _file(path: Path) -> Place:
    try:
        path = path.expanduser()
    except RuntimeError as error:
        raise RightsDatabaseError(f"{printable(path)}: there is no such user; write the path in full") from error
    if "\0" in str(path):
        raise RightsDatabaseError(f"{printable(path)}: not the name of a file; {_FORMS}")
    return Place(URL.create("sqlite", database=str(path)), printable(path), path)


def _prepare_file(path: Path, name: str, *, create: bool) -> None:
    try:
        if create:
            path.parent.mkdir(parents=True, exist_ok=True)
        elif not path.exists():
            raise no_database(name)
        if path.exists() and not path.is_file():
            raise RightsDatabaseError(f"{name}: is not a file; write the path of the database's file")
    except OSError as error:
        raise RightsDatabaseError(
            f"{name}: cannot be reached ({error.strerror}); check the path and the permissions of its folder"
        ) from error


def _set_up_sqlite(connection: sqlite3.Connection, _record: object) -> None:
    connection.isolation_level = None  # else sqlite3 begins and commits by its own rules; see _begin_sqlite
    connection.execute("PRAGMA foreign_keys = ON")
    connection.execute("PRAGMA synchronous = FULL")


def _begin_sqlite(connection: Connection) -> None:
    # A writer locks before it reads: its reading would otherwise be out of date by the time it writes.
    writes = connection.get_execution_options().get("sourceprint_writes", False)
    connection.exec_driver_sql("BEGIN IMMEDIATE" if writes else "BEGIN")


def _in_our_words(name: str, error: BaseException) -> RightsDatabaseError | StorageFullError:
    said = (str(error).strip().splitlines() or [type(error).__name__])[0]
    state: str = getattr(error, "sqlstate", None) or ""
    if state == "53100" or (isinstance(error, sqlite3.Error) and "disk is full" in said):
        return StorageFullError(f"{name}: {_FULL}")
    if isinstance(error, sqlite3.Error):
        for words, remedy in _SQLITE.items():
            if words in said:
                return RightsDatabaseError(f"{name}: {remedy}")
    elif known := _DRIVER_POSTGRESQL.get(state) or _DRIVER_POSTGRESQL.get(state[:2]):
        return RightsDatabaseError(f"{name}: {known}")
    elif not state or state[:2] in ("08", "57"):  # connection refused or lost; a refused login has no code either
        return RightsDatabaseError(
            f"{name}: the server cannot be reached or refuses the login ({printable(said):.300}); check that it runs, "
            "that the database exists there, and the user and password in the URL"
        )
    return RightsDatabaseError(f"{name}: the database refuses ({printable(said):.300}); nothing was changed")
