"""The engine below a database of rights: a file of SQLite, or a database on a PostgreSQL server.

Everything that knows of the two drivers: the place that a person wrote (a path, `sqlite:///rights.sqlite` or
`postgresql://user:password@host/database`), the connections to it, and the refusals of both drivers in our words.

Messages name the database, what is wrong and what to do. They hold no password, and neither the SQL statement nor its
values, which may be anything that was imported.
"""

import sqlite3
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

from sqlalchemy import Connection, Engine, create_engine, event
from sqlalchemy.engine import URL, make_url
from sqlalchemy.exc import ArgumentError, DBAPIError, NoSuchModuleError
from sqlalchemy.pool import NullPool

from fingerprint.errors import RightsDatabaseError, StorageFullError, printable

__all__ = ["Place", "find_place", "no_database", "open_engine", "refusals"]

_POSTGRESQL = ("postgresql", "postgres")
_FORMS = "write the path of a file, or postgresql://user@host/database"
_CONNECT_SECONDS = 10
_LOCKED = "another command is writing to it; wait until that is done and run this one again"
_FULL = "no space left on the disk; what was committed before is safe; free some space and run the command again"
_SQLITE = {  # by the words of its message, since older drivers give no code
    "locked": _LOCKED,
    "not a database": "is no database of SQLite; name the file that `sourceprint rights import` made",
    "malformed": "the file is damaged; restore it from a copy, or import the rights again into a new one",
    "readonly": "cannot be written, or its folder cannot; see to the permissions, or copy the file elsewhere",
    "unable to open": "cannot be opened; see that it is a file and to the permissions, also of its folder",
}
_DRIVER_POSTGRESQL = {  # by class or code of SQLSTATE
    "55P03": _LOCKED,
    "40": "another command changed it at the same time; run this one again",
    "42501": "this user may not do that; grant the rights on the database or name another user",
    "25006": "the server takes no changes, as a copy does; name the server that does",
}


@dataclass(frozen=True, slots=True)
class Place:
    """A database that may or may not be there.

    Attributes
    ----------
    url : URL
        With the driver; it may hold a password.
    name : str
        For messages: the path, or the URL without password and options.
    path : Path or None
        The file, where it is one.
    """

    url: URL
    name: str
    path: Path | None


def find_place(place: str | Path) -> Place:
    """Return the place that a path or a URL names; nothing is opened.

    Raises
    ------
    RightsDatabaseError
        If it is a URL that cannot be read, of another kind of database, or of a SQLite database in memory.

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
        # What was written may hold a password, and so may the error: neither is shown.
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
        raise RightsDatabaseError(f"{printable(kind):.40}://...: no database that rights are kept in; {_FORMS}")
    if "@" in (url.host or ""):
        # An @ inside the password would pass for the one before the host, and the rest of it for a part of its name.
        raise RightsDatabaseError("the URL of the database of rights has more than one @; write %40 inside a password")
    shown = URL.create(_POSTGRESQL[0], url.username, None, url.host, url.port, url.database)
    return Place(url.set(drivername="postgresql+psycopg"), printable(shown.render_as_string()), None)


def open_engine(place: Place, *, create: bool, lock_seconds: int) -> Engine:
    """Return an engine whose connections live as long as one transaction: a command has few, and forks keep none.

    Raises
    ------
    RightsDatabaseError
        If the file is not there and is not to be created, or the driver is not installed.
    """
    if place.path is not None:
        _prepare_file(place.path, place.name, create=create)
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


@contextmanager
def refusals(name: str) -> Iterator[None]:
    """Turn what a database refuses inside the block into our errors.

    Parameters
    ----------
    name : str
        The database, for messages.

    Raises
    ------
    StorageFullError
        If the disk is full.
    RightsDatabaseError
        If anything else is refused.
    """
    try:
        yield
    except DBAPIError as error:
        raise _in_our_words(name, error.orig or error) from error
    except sqlite3.Error as error:  # raised while a connection is made, before SQLAlchemy sees it
        raise _in_our_words(name, error) from error


def no_database(name: str) -> RightsDatabaseError:
    """Return the error that says there is no database of rights there."""
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
            raise RightsDatabaseError(f"{name}: is no file; write the path of the database's file")
    except OSError as error:
        raise RightsDatabaseError(
            f"{name}: cannot be reached ({error.strerror}); see to the path and the permissions of its folder"
        ) from error


def _set_up_sqlite(connection: sqlite3.Connection, _record: object) -> None:
    connection.isolation_level = None  # or sqlite3 would begin and commit by rules of its own; see _begin_sqlite
    connection.execute("PRAGMA foreign_keys = ON")
    connection.execute("PRAGMA synchronous = FULL")


def _begin_sqlite(connection: Connection) -> None:
    # A writer takes the lock at once: one that read first and wrote later could find that its reading is out of date.
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
    elif not state or state[:2] in ("08", "57"):  # no answer, or none any more; a refused user has no code either
        return RightsDatabaseError(
            f"{name}: the server cannot be reached or lets nobody in ({printable(said):.300}); see that it runs, that "
            "the database exists there, and to the user and password in the URL"
        )
    return RightsDatabaseError(f"{name}: the database refuses ({printable(said):.300}); nothing was changed")
