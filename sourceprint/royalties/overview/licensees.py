"""Licensees: all parties that have a licence, a use or a statement on file; and their reports that no statement has."""

from dataclasses import dataclass

from sqlalchemy import Connection, func, select

from sourceprint.royalties.review.waiting import party_names
from sourceprint.royalties.rights.schema import licence, statement, usage_report, use

__all__ = ["LicenseeEntry", "UnstatedReport", "list_licensees", "unstated_reports"]


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


@dataclass(frozen=True, slots=True)
class UnstatedReport:
    """A usage report of a licensee for a period that no statement is of: its latest version."""

    licensee: str
    period: str
    version: int
    made_at: str
    made_by: str


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


def unstated_reports(connection: Connection, licensee: str = "") -> list[UnstatedReport]:
    """Return the latest reports of periods that were not stated, of one licensee or of all, the latest period first."""
    report, later = usage_report.c, usage_report.alias().c
    stated, replaced = (
        select(one.licensee).where(
            one.licensee == report.licensee,
            one.period_start == report.period_start,
            one.period_end == report.period_end,
        )
        for one in (statement.c, later)
    )
    query = (
        select(report.licensee, report.period_label, report.version, report.made_at, report.made_by)
        .where(~stated.exists(), ~replaced.where(later.version > report.version).exists())
        .order_by(report.period_end.desc(), report.licensee)
    )
    if licensee:
        query = query.where(report.licensee == licensee)
    return [UnstatedReport(*row) for row in connection.execute(query)]
