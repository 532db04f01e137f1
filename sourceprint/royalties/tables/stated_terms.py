"""Terms under which statements were issued: an import may amend them, but changes nothing else without a reason.

Input: staged licences. Output: problems; the licences that remain change stated terms only by amendments, which say
from which day they hold. A licence that was wrong from the start is corrected with a reason, without this check.
"""

import json
from typing import Any

from sqlalchemy import Connection, or_, select

from fingerprint.errors import printable
from sourceprint.royalties.rights.chain.entries import unpacked
from sourceprint.royalties.rights.schema import licence, statement, statement_part
from sourceprint.royalties.tables.staging import Staging

__all__ = ["keep_stated_terms"]


def keep_stated_terms(staging: Staging, connection: Connection) -> None:
    """Drop, with an error, staged licences that change terms under which a statement was issued."""
    staged = staging.query("SELECT seq, file, line, id, document FROM licence ORDER BY seq")
    for seq, file, line, licence_id, document in staged:
        on_file = connection.scalar(
            select(licence.c.document).where(licence.c.id == licence_id, licence.c.until.is_(None))
        )
        if on_file is None or on_file == document:
            continue
        before, after = json.loads(on_file), json.loads(document)
        issued = _issued_under(connection, licence_id, before["licensee"])
        if issued is None:
            continue
        statement_id, last_day = issued
        changed = _changed(before, after, last_day)
        if changed:
            remedy = (
                f"licence {licence_id!r:.80}: {', '.join(changed)} would change, but statement {statement_id} was "
                "issued under it; write the change as [[amendments]] with its first day, or give --correct REASON, "
                "and the next statement adjusts the stated amounts"
            )
            staging.problem("error", file, line, changed[0], licence_id, "stated-terms", printable(remedy))
            staging.refuse("licence", licence_id, file, line)
            staging.drop("licence", [seq])


def _issued_under(connection: Connection, licence_id: str, licensee: str) -> tuple[str, str] | None:
    """Return the id and the last day of the latest statement that names any version of a licence."""
    digests = connection.scalars(select(licence.c.digest).where(licence.c.id == licence_id).distinct()).all()
    named = or_(*(statement.c.document.contains(digest) for digest in sorted(digests)))
    part = statement_part.c
    query = (
        select(statement.c.id, statement.c.period_end, named, part.content)
        .join(statement_part, (part.statement_row == statement.c.row_id) & (part.field == "licences"), isouter=True)
        .where(statement.c.licensee == licensee)
        .order_by(statement.c.period_end.desc())
    )
    for statement_id, last_day, is_named, content in connection.execute(query):
        licences = b"".join(unpacked(content)) if content else b""
        if is_named or any(digest.encode() in licences for digest in digests):
            return statement_id, last_day
    return None


def _changed(before: dict[str, Any], after: dict[str, Any], last_day: str) -> list[str]:
    """Return the changed keys; amendments may be added, and those that begin after the last day may change."""
    stated = [one for one in before.pop("amendments", []) if one["from"] <= last_day]
    amendments = after.pop("amendments", [])
    changed = [key for key in sorted(before.keys() | after.keys()) if before.get(key) != after.get(key)]
    gone = [one["from"] for one in stated if one not in amendments]
    return [*changed, *(f"the amendment from {day}" for day in gone)]
