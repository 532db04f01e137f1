"""Spans of a deal: the months, quarters and years over which a guarantee or a pool is counted, while it is in force.

Spans are those of the calendar, cut to the days on which the licence is in force. The amount due for a cut span is in
proportion to its days. A span falls due with its last day, in the statement whose period has that day.
"""

import calendar
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import date, timedelta
from fractions import Fraction

from sourceprint.royalties.periods import Period

__all__ = ["DealSpan", "calendar_span", "spans_due"]

_MONTHS = {"month": 1, "quarter": 3, "year": 12}


@dataclass(frozen=True, slots=True)
class DealSpan:
    """Days of a deal, both ends included, and their part of a whole period of the deal."""

    start: date
    end: date
    part: Fraction


def spans_due(kind: str, valid_from: date, valid_to: date | None, period: Period) -> tuple[DealSpan, ...]:
    """Return the spans of a deal that fall due in a period, in order.

    Parameters
    ----------
    kind : str
        month, quarter, year, or term: the licence from its first day to its last.
    valid_from, valid_to : date
        First and last day of the licence; None is open.

    Examples
    --------
    >>> for span in spans_due("quarter", date(2026, 2, 15), None, Period.parse("2026")):
    ...     print(span.start, span.end, span.part)
    2026-02-15 2026-03-31 1/2
    2026-04-01 2026-06-30 1
    2026-07-01 2026-09-30 1
    2026-10-01 2026-12-31 1
    """
    if kind == "term":
        return (DealSpan(valid_from, valid_to, Fraction(1)),) if valid_to is not None and valid_to in period else ()
    found = []
    for first, last in _calendar(_MONTHS[kind], period):
        start, end = max(first, valid_from), last if valid_to is None else min(last, valid_to)
        if start <= end and end in period:
            found.append(DealSpan(start, end, Fraction((end - start).days + 1, (last - first).days + 1)))
    return tuple(found)


def calendar_span(kind: str, day: date) -> tuple[date, date]:
    """Return the first and last day of the month, quarter or year around a day.

    Examples
    --------
    >>> [str(end) for end in calendar_span("quarter", date(2026, 8, 14))]
    ['2026-07-01', '2026-09-30']
    """
    return next(_calendar(_MONTHS[kind], Period(day, day, "")))


def _calendar(months: int, period: Period) -> Iterator[tuple[date, date]]:
    """Yield the calendar's spans of `months` months that have a day in a period."""
    year, month = period.start.year, period.start.month - (period.start.month - 1) % months
    while (first := date(year, month, 1)) <= period.end:
        end_month = month + months - 1
        last = date(year, end_month, calendar.monthrange(year, end_month)[1])
        yield first, last
        if last == date.max:
            return
        following = last + timedelta(days=1)
        year, month = following.year, following.month
