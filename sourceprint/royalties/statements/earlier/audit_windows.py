"""Audit windows: the last day on which a statement is computed again.

A statement *closes* once the audit window of every licence in it has passed since its day of issue. It is not computed
again then; only an explicit adjustment corrects it. The windows are those of the licences at its issue: no later
version of a licence opens it again or closes it early.
"""

import json
from collections.abc import Iterable
from datetime import date

from sqlalchemy import Connection, select

from fingerprint.errors import StatementError, printable
from sourceprint.royalties.periods import months_after
from sourceprint.royalties.rights.database import in_chunks
from sourceprint.royalties.rights.licence_toml import licence_of
from sourceprint.royalties.rights.schema import licence
from sourceprint.royalties.statements.register import StatementHead, carried_from

__all__ = ["expect_same_closed", "last_open_day"]


def last_open_day(connection: Connection, issued_on: str, licences: Iterable[tuple[str, str]]) -> date | None:
    """Return the last day on which a statement is computed again; None where it never closes.

    Parameters
    ----------
    connection : Connection
        Inside a transaction of `Database`.
    issued_on : str
        Its day of issue.
    licences : iterable of (str, str)
        Id and digest of the licences in it, as it states them: their windows are those that held then.
    """
    stated = dict(licences)
    windows: dict[str, int | None] = dict.fromkeys(stated)
    for chunk in in_chunks(stated):
        for row in connection.execute(select(licence).where(licence.c.id.in_(chunk))).mappings():
            if row["digest"] == stated[row["id"]]:
                windows[row["id"]] = licence_of(json.loads(row["document"]), row["digest"]).deal.audit_window_months
    if not windows or None in windows.values():
        return None
    return months_after(issued_on, max(filter(None, windows.values()), default=0))


def expect_same_closed(connection: Connection, heads: Iterable[StatementHead], issued_on: date, today: date) -> None:
    """Refuse a day of issue on which other statements are closed than today: it would reopen one, or close it early.

    Raises
    ------
    StatementError
        Naming the first such statement.
    """
    if issued_on == today:
        return
    for head in heads:
        last = last_open_day(connection, head.issued_on, carried_from(connection, head.row_id).licences)
        if last is not None and (issued_on > last) != (today > last):
            was = "would open it again" if today > last else "would close it early"
            raise StatementError(
                f"day of issue {issued_on}: {printable(head.id)} closes after {last}, today is {today}, and this day "
                f"{was}; take today, and correct the closed statement with --adjust"
            )
