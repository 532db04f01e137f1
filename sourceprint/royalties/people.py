"""People who may be named as acting, and the reason that any other name needs.

Nobody has to prove who they are: a name is taken at its word. But it has to be an expected name: that of the
environment (`$SOURCEPRINT_ACTOR`, else the login name), or one on the list of the database. Any other name needs a
reason, which is kept in the chain beside the act.

The list is only added to: the latest row of a name tells whether it may act.
"""

from collections.abc import Iterable
from dataclasses import dataclass

from sqlalchemy import Connection, insert, select

from fingerprint.errors import ParameterError, UnknownRightsError, printable
from sourceprint.royalties.rights.database import Database, actor, timestamp
from sourceprint.royalties.rights.schema import person
from sourceprint.text.tables import table

__all__ = ["Person", "acting", "add_people", "list_people", "people_text", "remove_people", "valid_reason"]

_LONGEST_NAME = 200
_LONGEST_REASON = 2_000


@dataclass(frozen=True, slots=True)
class Person:
    """Name that may act, with time and author of its entry on the list."""

    name: str
    made_at: str
    made_by: str


def acting(database: Database, by: str | None, *, backdate: str = "", known: bool = False) -> Database:
    """Return the database for the writes of a person; a reason becomes the note of their entries in the chain.

    Parameters
    ----------
    backdate : str
        Reason for another name or a day in the past; "" without one.
    known : bool
        Whether the caller knows the person, as a service knows its people: then no list is asked.

    Raises
    ------
    ParameterError
        If the name is neither that of the environment nor on the list, and there is no reason; or the reason is blank
        or too long.
    """
    reason = valid_reason(backdate)
    name, own = actor(by), actor()
    if not reason and name != own and not known:
        with database.reading() as connection:
            listed = _may_act(connection, name)
        if not listed:
            raise ParameterError(
                f"--by {name:.80}: is neither {own:.80}, who runs this, nor on the list of people in {database.name}; "
                "add it with `sourceprint rights people add`, or give a reason with --backdate REASON, which is kept "
                "in the chain"
            )
    return database.noting(reason) if reason else database


def valid_reason(reason: str) -> str:
    """Return a reason as it is kept: printable, without spaces around it.

    Raises
    ------
    ParameterError
        If it is too long, or has only spaces.
    """
    kept = printable(reason.strip())
    if (reason and not kept) or len(kept) > _LONGEST_REASON:
        raise ParameterError(f"--backdate: write a reason of 1 to {_LONGEST_REASON} characters (here: {len(kept)})")
    return kept


def add_people(database: Database, names: Iterable[str]) -> list[str]:
    """Add names to the list, and return the new ones.

    Raises
    ------
    ParameterError
        If a name is empty or too long.
    """
    with database.writing() as connection:
        new = [name for name in _names(names) if not _may_act(connection, name)]
        _enter(connection, new, allowed=True)
    return new


def remove_people(database: Database, names: Iterable[str]) -> list[str]:
    """Remove names from the list, and return them; their acts stay on file.

    Raises
    ------
    UnknownRightsError
        If a name is not on the list.
    """
    wanted = _names(names)
    with database.writing() as connection:
        for name in wanted:
            if not _may_act(connection, name):
                raise UnknownRightsError(f"{name:.80}: is not on the list of people in {database.name}; check the name")
        _enter(connection, wanted, allowed=False)
    return wanted


def list_people(connection: Connection) -> list[Person]:
    """Return the people who may act, by name."""
    latest = {row.name: row for row in connection.execute(select(person).order_by(person.c.id))}
    return [Person(name, row.made_at, row.made_by) for name, row in sorted(latest.items()) if row.allowed]


def people_text(people: Iterable[Person]) -> str:
    """Return a list of people as a table."""
    rows = [(one.name, one.made_at, one.made_by) for one in people]
    return table([("name", "since", "put there by"), *(tuple(map(printable, row)) for row in rows)])


def _may_act(connection: Connection, name: str) -> bool:
    query = select(person.c.allowed).where(person.c.name == name).order_by(person.c.id.desc()).limit(1)
    return bool(connection.scalar(query))


def _names(names: Iterable[str]) -> list[str]:
    kept = [printable(name.strip()) for name in names]
    for name in kept:
        if not 0 < len(name) <= _LONGEST_NAME:
            raise ParameterError(f"name {name!r:.80}: must have 1 to {_LONGEST_NAME} characters")
    return list(dict.fromkeys(kept))


def _enter(connection: Connection, names: Iterable[str], *, allowed: bool) -> None:
    rows = [{"name": name, "allowed": int(allowed), "made_at": timestamp(), "made_by": actor()} for name in names]
    if rows:
        connection.execute(insert(person), rows)
