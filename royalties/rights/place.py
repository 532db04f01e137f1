"""Where a database of rights is: a file of SQLite, or a database on a PostgreSQL server.

In comes what a person wrote: a path, or a URL (`sqlite:///rights.sqlite`,
`postgresql://user:password@host/database`). Out comes a URL for the driver, and a name for messages that holds neither
password nor options.
"""

from dataclasses import dataclass
from pathlib import Path

from sqlalchemy.engine import URL, make_url
from sqlalchemy.exc import ArgumentError

from fingerprint.errors import RightsDatabaseError, printable

__all__ = ["Place", "find_place"]

_POSTGRESQL = ("postgresql", "postgres")
_FORMS = "write the path of a file, or postgresql://user@host/database"


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


def _file(path: Path) -> Place:
    try:
        path = path.expanduser()
    except RuntimeError as error:
        raise RightsDatabaseError(f"{printable(path)}: there is no such user; write the path in full") from error
    if "\0" in str(path):
        raise RightsDatabaseError(f"{printable(path)}: not the name of a file; {_FORMS}")
    return Place(URL.create("sqlite", database=str(path)), printable(path), path)
