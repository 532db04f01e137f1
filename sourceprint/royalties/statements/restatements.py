"""Enter corrected usage of a stated period, with its reason; the next statement carries the difference.

A stated period is computed again until the audit window of its statement's licences has passed. A report that comes
later could change no statement: it is refused, and has to be corrected by hand.
"""

from collections.abc import Iterable
from datetime import UTC, date, datetime

from sqlalchemy import Connection, select

from fingerprint.errors import StatementError, printable
from sourceprint.royalties.periods import Period
from sourceprint.royalties.rights.database import Database, actor, in_chunks, timestamp
from sourceprint.royalties.rights.schema import use
from sourceprint.royalties.statements.earlier.audit_windows import last_open_day
from sourceprint.royalties.statements.earlier.inputs import policy_of_statement
from sourceprint.royalties.statements.earlier.marks import stating
from sourceprint.royalties.statements.register import carried_from, heads_of, statement_of_period
from sourceprint.royalties.statements.statement import Statement
from sourceprint.royalties.statements.usage_match import match_usage
from sourceprint.royalties.statements.usage_reports import UsageReport, enter_report
from sourceprint.royalties.uses.ledger import require_licensee
from sourceprint.royalties.uses.usage import Usage

__all__ = ["closed_with", "restate_usage"]


def restate_usage(
    database: Database,
    *,
    licensee: str,
    period: Period,
    usage: Usage,
    reason: str = "",
    by: str | None = None,
    now: datetime | None = None,
) -> tuple[UsageReport, date | None]:
    """Enter a usage report for a period, unless the latest version on file has the same rows.

    Parameters
    ----------
    database : Database
    licensee : str
        Party id.
    period : Period
    usage : Usage
    reason : str
        Why it is reported anew; needed where the period was stated. The next statement carries the difference.
    by : str or None
        Who enters it; None is `sourceprint.royalties.rights.database.actor`.
    now : datetime or None
        When; None is now.

    Returns
    -------
    report : UsageReport
        As it is on file; of version 0 if it only repeats a statement from before reports were kept.
    last_day : date or None
        The last day on which a statement may be issued that carries it; None where the period was not stated, or its
        statement never closes.

    Raises
    ------
    UnknownRightsError
        If the licensee is not on file.
    ParameterError
        If the reason is too long.
    StatementError
        If the period was stated from another report and there is no reason, or its statement is closed.
    ListedError
        If the period was stated, and tracks that no scan is of are reported, unless its policy holds such usage; or if
        a row is about a day outside the period.
    """
    moment = now or datetime.now(UTC)
    with database.writing() as connection:
        require_licensee(connection, licensee, database.name)
        stated = statement_of_period(connection, licensee, period)
        last_day = None
        if stated is not None:
            last_day = _expect_open(connection, stated, moment.astimezone(UTC).date())
            usage = match_usage(connection, licensee, usage, policy_of_statement(connection, stated))
        report = enter_report(
            connection,
            licensee,
            period,
            usage,
            made_by=actor(by),
            made_at=timestamp(moment),
            reason=reason,
            stated=None if stated is None else Usage(stated.usage, stated.usage_sha256),
        )
    return report, last_day


def closed_with(database: Database, use_ids: Iterable[str], *, today: date) -> list[tuple[str, date]]:
    """Return ids of closed statements on the tracks of some uses, each with the last day on which it was open.

    Decisions on these uses change nothing in those statements.
    """
    found: list[tuple[str, date]] = []
    with database.reading() as connection:
        tracks: dict[str, set[str]] = {}
        for chunk in in_chunks(use_ids):
            for row in connection.execute(select(use.c.licensee, use.c.track_sha256).where(use.c.id.in_(chunk))):
                tracks.setdefault(row.licensee, set()).add(row.track_sha256)
        for licensee, named in sorted(tracks.items()):
            rows = stating(connection, named)
            for head in heads_of(connection, licensee):
                if head.row_id in rows:
                    stated = carried_from(connection, head.row_id)
                    last = last_open_day(connection, head.issued_on, stated.licences)
                    found += [(head.id, last)] if last is not None and today > last else []
    return found


def _expect_open(connection: Connection, stated: Statement, today: date) -> date | None:
    """Return the last day on which a statement is computed again; refuse one that is closed."""
    last = last_open_day(connection, stated.issued_on, stated.licences)
    if last is not None and today > last:
        raise StatementError(
            f"usage of {printable(stated.licensee.id)} for {stated.period}: {printable(stated.id)} is closed since "
            f"{last}, as the audit window of its licences has passed; correct it with `sourceprint statement --adjust`"
        )
    return last
