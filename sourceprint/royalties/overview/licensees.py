"""Licensees: all parties that have a licence, a use or a statement on file, by name."""

from dataclasses import dataclass

from sqlalchemy import Connection, func, select

from sourceprint.royalties.review.waiting import party_names
from sourceprint.royalties.rights.schema import licence, statement, use

__all__ = ["LicenseeEntry", "list_licensees"]


@dataclass(frozen=True, slots=True)
class LicenseeEntry:
    """A licensee.

    Attributes
    ----------
    id, name : str
        The name is "" where the party is not on file.
    licences, uses, statements : int
        How many are on file; current ones of licences and uses.
    """

    id: str
    name: str
    licences: int
    uses: int
    statements: int


def list_licensees(connection: Connection) -> list[LicenseeEntry]:
    """Return the licensees, by name, then by id."""
    counts = []
    for column, condition in (
        (licence.c.licensee, licence.c.until.is_(None)),
        (use.c.licensee, use.c.superseded_by.is_(None)),
        (statement.c.licensee, None),
    ):
        query = select(column, func.count()).group_by(column)
        rows = connection.execute(query if condition is None else query.where(condition))
        counts.append({row[0]: row[1] for row in rows})
    ids = sorted({one for each in counts for one in each})
    names = party_names(connection, ids)
    found = [LicenseeEntry(one, names.get(one, ""), *(each.get(one, 0) for each in counts)) for one in ids]
    return sorted(found, key=lambda one: (one.name.casefold() or one.id, one.id))
