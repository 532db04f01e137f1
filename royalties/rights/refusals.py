"""What a database refuses, in our words: one place that turns the errors of both drivers into ours.

Messages name the database, what is wrong and what to do; they hold neither the statement nor its values, which may be
anything that was imported.
"""

import sqlite3
from collections.abc import Iterator
from contextlib import contextmanager

from sqlalchemy.exc import DBAPIError

from fingerprint.errors import RightsDatabaseError, StorageFullError, printable

__all__ = ["refusals"]

_LOCKED = "another command is writing to it; wait until that is done and run this one again"
_FULL = "no space left on the disk; what was committed before is safe; free some space and run the command again"
_SQLITE = {  # by the words of its message, since older drivers give no code
    "locked": _LOCKED,
    "not a database": "is no database of SQLite; name the file that `sourceprint rights import` made",
    "malformed": "the file is damaged; restore it from a copy, or import the rights again into a new one",
    "readonly": "cannot be written, or its folder cannot; see to the permissions, or copy the file elsewhere",
    "unable to open": "cannot be opened; see that it is a file and to the permissions, also of its folder",
}
_POSTGRESQL = {  # by class or code of SQLSTATE
    "55P03": _LOCKED,
    "40": "another command changed it at the same time; run this one again",
    "42501": "this user may not do that; grant the rights on the database or name another user",
    "25006": "the server takes no changes, as a copy does; name the server that does",
}


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


def _in_our_words(name: str, error: BaseException) -> RightsDatabaseError | StorageFullError:
    said = (str(error).strip().splitlines() or [type(error).__name__])[0]
    state: str = getattr(error, "sqlstate", None) or ""
    if state == "53100" or (isinstance(error, sqlite3.Error) and "disk is full" in said):
        return StorageFullError(f"{name}: {_FULL}")
    if isinstance(error, sqlite3.Error):
        for words, remedy in _SQLITE.items():
            if words in said:
                return RightsDatabaseError(f"{name}: {remedy}")
    elif known := _POSTGRESQL.get(state) or _POSTGRESQL.get(state[:2]):
        return RightsDatabaseError(f"{name}: {known}")
    elif not state or state[:2] in ("08", "57"):  # no answer, or none any more; a refused user has no code either
        return RightsDatabaseError(
            f"{name}: the server cannot be reached or lets nobody in ({printable(said):.300}); see that it runs, that "
            "the database exists there, and to the user and password in the URL"
        )
    return RightsDatabaseError(f"{name}: the database refuses ({printable(said):.300}); nothing was changed")
