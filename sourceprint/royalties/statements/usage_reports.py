"""Usage reports in the database: a licensee's usage for a period, version by version; versions are only added.

The first report for a period is version 1. Until the period is stated, a new report takes its place as the next
version. Once it is stated, a report needs a reason: the statement stays as issued, and the next one carries the
difference as adjustments, up or down. The same rows again make no new version, in any order or spelling.
"""

import json
from collections.abc import Iterable
from dataclasses import asdict, dataclass, fields
from fractions import Fraction
from typing import Any

from sqlalchemy import Connection, Row, func, insert, select

from fingerprint.digests import exact_json
from fingerprint.errors import ListedError, ParameterError, StatementError, printable
from sourceprint.royalties.periods import Period
from sourceprint.royalties.rights.schema import usage_report
from sourceprint.royalties.uses.states import LONGEST_REASON
from sourceprint.royalties.uses.usage import Usage, UsageRow
from sourceprint.royalties.uses.use import Use
from sourceprint.text.tables import table

__all__ = [
    "UsageReport",
    "enter_report",
    "expect_attributed_so",
    "expect_days_in",
    "latest_report",
    "latest_reports",
    "report_to_json",
    "reports_of",
    "reports_text",
    "same_report",
]

_SHOWN_ROWS = 20
_SHOWN_DIGEST = 12
_COLUMNS = tuple(one.name for one in fields(UsageRow))
_FOUND = ("sha256", "matched_by")


@dataclass(frozen=True, slots=True)
class UsageReport:
    """One version of a licensee's usage report for a period.

    Attributes
    ----------
    licensee : str
        Party id.
    period : Period
    version : int
        From 1.
    usage : Usage
    reason : str
        Why it was reported anew; "" where that needs none.
    made_at, made_by : str
        When (UTC, to the second) and by whom it was entered.
    """

    licensee: str
    period: Period
    version: int
    usage: Usage
    reason: str
    made_at: str
    made_by: str


def enter_report(
    connection: Connection,
    licensee: str,
    period: Period,
    usage: Usage,
    *,
    made_by: str,
    made_at: str,
    reason: str = "",
    stated: Usage | None = None,
) -> UsageReport:
    """Enter a usage report for a period as a new version, unless its rows are those on file; return the version.

    A report that repeats a statement from before reports were kept is returned as version 0, and not entered.

    Parameters
    ----------
    connection : Connection
        Inside a transaction of `Database` that writes.
    licensee : str
        Party id.
    period : Period
    usage : Usage
    made_by, made_at : str
        Who and when.
    reason : str
        Why, where the period was stated already.
    stated : Usage or None
        The usage that the period was stated from; None if it was not stated.

    Raises
    ------
    ParameterError
        If the reason is too long.
    ListedError
        If a row is about a day outside the period.
    StatementError
        If the period was stated from another report, and there is no reason.
    """
    why = printable(reason.strip())
    if len(why) > LONGEST_REASON:
        raise ParameterError(f"reason: has {len(why)} characters, {LONGEST_REASON} at most; write a sentence")
    expect_days_in(usage, period)
    latest = latest_report(connection, licensee, period)
    if latest is not None and same_report(latest.usage, usage):
        return latest
    if stated is not None and latest is None:
        if same_report(stated, usage):
            return UsageReport(licensee, period, 0, stated, "", made_at, made_by)
        if stated.rows:  # stated before reports were kept
            latest = _insert(connection, UsageReport(licensee, period, 1, stated, "as stated", made_at, made_by))
    if stated is not None and not why:
        raise StatementError(
            f"usage of {printable(licensee)} for {period}: the period was stated from another report; give --restate "
            "and the reason to enter this one as its next version: the next statement carries the difference"
        )
    version = latest.version + 1 if latest else 1
    return _insert(connection, UsageReport(licensee, period, version, usage, why, made_at, made_by))


def latest_report(connection: Connection, licensee: str, period: Period) -> UsageReport | None:
    """Return the latest version of the usage report for a period; None where there is none."""
    found = reports_of(connection, licensee, period)
    return found[-1] if found else None


def reports_of(connection: Connection, licensee: str, period: Period | None = None) -> list[UsageReport]:
    """Return all versions of all reports of a licensee, or of those for one period, by period and version."""
    column = usage_report.c
    query = select(usage_report).where(column.licensee == licensee)
    if period is not None:
        query = query.where(
            column.period_start == period.start.isoformat(), column.period_end == period.end.isoformat()
        )
    return [
        _report(row) for row in connection.execute(query.order_by(column.period_start, column.period_end, column.id))
    ]


def latest_reports(connection: Connection, licensee: str) -> list[UsageReport]:
    """Return the latest version of each usage report of a licensee, by period."""
    column = usage_report.c
    of_licensee = select(func.max(column.id)).where(column.licensee == licensee)
    latest = of_licensee.group_by(column.period_start, column.period_end)
    query = select(usage_report).where(column.id.in_(latest)).order_by(column.period_start, column.period_end)
    return [_report(row) for row in connection.execute(query)]


def same_report(one: Usage, other: Usage) -> bool:
    """Return whether two reports state the same rows, in any order and file.

    The scanned tracks that rows were matched with do not count.
    """
    return sorted(map(_reported, one.rows)) == sorted(map(_reported, other.rows))


def expect_attributed_so(usage: Usage, uses: Iterable[Use], period: Period) -> None:
    """Refuse usage that contradicts the uses that it prices: another day or purpose, or before the track was made.

    Raises
    ------
    StatementError
        Naming the row and both values.
    """
    known = {use.track_sha256: use for use in uses}
    for row in usage.rows:
        use = known.get(row.sha256)
        if use is None:
            continue
        subject = f"usage of track {printable(row.track or row.track_id)!r:.80}"
        days, purposes = (row.generated_on, use.generated_on), (row.purpose, use.purpose)
        for (said, was), what in ((days, "generated_on"), (purposes, "purpose")):
            if said and said != was:
                raise StatementError(
                    f"{subject}: {what} is {printable(said)} here, and {printable(was)} where it was attributed, which "
                    "its licences go by; correct the report, or attribute the track again with it"
                )
        if use.generated_on > period.end.isoformat():
            raise StatementError(
                f"{subject}: is reported for {period}, and was generated on {use.generated_on}; correct the report, or "
                "attribute the track again with the right day"
            )


def expect_days_in(usage: Usage, period: Period) -> None:
    """Refuse rows about days outside of a period.

    Raises
    ------
    ListedError
        If there are any; the message names them.
    """
    first, last = period.start.isoformat(), period.end.isoformat()
    outside = [row for row in usage.rows if row.used_on and not first <= row.used_on <= last]
    if outside:
        lines = [f"  {printable(row.key or 'all tracks'):.120} in {row.territory}: {row.used_on}" for row in outside]
        more = f"\n  and {len(lines) - _SHOWN_ROWS} more" if len(lines) > _SHOWN_ROWS else ""
        raise ListedError(
            f"used_on: outside of {period}, {first} to {last}; report each day with its own period:\n"
            + "\n".join(lines[:_SHOWN_ROWS])
            + more
        )


def report_to_json(report: UsageReport) -> dict[str, Any]:
    """Return a report as plain JSON types, its rows included; revenue as a rational in minor units."""
    return {
        "schema": "sourceprint/usage-report/1",
        "licensee": report.licensee,
        "period": report.period.label,
        "version": report.version,
        "sha256": report.usage.sha256,
        "reason": report.reason,
        "made_at": report.made_at,
        "made_by": report.made_by,
        "rows": [_row_to_json(row) for row in report.usage.rows],
    }


def reports_text(reports: Iterable[UsageReport]) -> str:
    """Return reports as a table for people, one version per line."""
    rows: list[tuple[str, ...]] = [("period", "version", "rows", "entered", "by", "file", "reason")]
    for one in reports:
        file = one.usage.sha256[:_SHOWN_DIGEST]
        counts = (str(one.version), str(len(one.usage.rows)))
        rows.append((one.period.label, *counts, one.made_at, printable(one.made_by), file, printable(one.reason)))
    return table(rows)


def _insert(connection: Connection, report: UsageReport) -> UsageReport:
    values = {
        "licensee": report.licensee,
        "period_label": report.period.label,
        "period_start": report.period.start.isoformat(),
        "period_end": report.period.end.isoformat(),
        "version": report.version,
        "sha256": report.usage.sha256,
        "document": exact_json([_row_to_json(row) for row in report.usage.rows]).decode(),
        "reason": report.reason,
        "made_at": report.made_at,
        "made_by": report.made_by,
    }
    connection.execute(insert(usage_report), values)  # as parameters: values would stay in SQLAlchemy's cache
    return report


def _report(row: Row[Any]) -> UsageReport:
    rows = tuple(_row_from_json(value) for value in json.loads(row.document))
    period = Period.parse(row.period_label)
    usage = Usage(rows, row.sha256)
    return UsageReport(row.licensee, period, row.version, usage, row.reason, row.made_at, row.made_by)


def _row_to_json(row: UsageRow) -> dict[str, Any]:
    """Return a row as plain JSON types, without the fields that are empty."""
    values = {**asdict(row), "revenue": None if row.revenue is None else str(row.revenue)}
    return {name: value for name, value in values.items() if value not in ("", None)}


def _row_from_json(value: dict[str, Any]) -> UsageRow:
    revenue = value.get("revenue")
    empty = dict.fromkeys(_COLUMNS, "")
    return UsageRow(**{**empty, **value, "revenue": None if revenue is None else Fraction(revenue)})


def _reported(row: UsageRow) -> tuple[str, ...]:
    return tuple(str(getattr(row, name)) for name in _COLUMNS if name not in _FOUND)
